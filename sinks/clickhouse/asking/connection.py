"""The connection that questions are asked over: none of the sink's, so that they delay nothing."""

from typing import Any

from clickhouse_connect.driver.exceptions import ClickHouseError

from sinks.clickhouse.asking.answer import FORMAT, LIMITS
from sinks.clickhouse.database import connect, translate
from sinks.clickhouse.settings import ClickHouseSettings


class Questions:
    """One connection to an existing database. Thread-safe."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        """Connect. Raises StoreUnavailable, StoreMisconfigured."""
        self._settings = settings
        try:
            self._client = connect(settings, settings.database, settings.reader)
        except (ClickHouseError, OSError) as error:
            raise translate(error, settings) from error

    def ask(self, statement: str, parameters: dict[str, Any]) -> bytes:
        """The answer to a checked statement, as `read_answer` reads it. Raises as the creation."""
        try:
            return bytes(self._client.raw_query(statement, parameters, LIMITS, FORMAT))
        except (ClickHouseError, OSError) as error:
            raise translate(error, self._settings) from error

    def close(self) -> None:
        self._client.close()

    def __enter__(self) -> "Questions":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
