"""ClickHouse, embedded or by URL: connecting, statements, inserts, and its errors by name."""

import logging
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import clickhouse_connect
import msgspec
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError
from clickhouse_connect.driver.query import QueryResult

from runtime.private_folders import make_private_folder
from sinks.clickhouse.settings import ClickHouseSettings

_encoder = msgspec.json.Encoder()
# One insert is one block, written when the call returns; times are ISO 8601.
_INSERT = {"date_time_input_format": "best_effort", "async_insert": 0}
# 2: settings of the session may still be set, which the client does.
_READ_ONLY = {"readonly": 2}
# UNKNOWN_USER, WRONG_PASSWORD, ACCESS_DENIED, AUTHENTICATION_FAILED: no waiting helps.
_REFUSALS = frozenset({192, 193, 497, 516})
# They log each failure before raising it, at length; the retries log it in one line.
for _noisy in ("clickhouse_connect", "urllib3"):
    logging.getLogger(_noisy).setLevel(logging.CRITICAL)


class StoreUnavailable(Exception):
    """ClickHouse did not do it now. Wait and try again; the message has its answer."""


class StoreMisconfigured(Exception):
    """ClickHouse will not do it until settings or permissions change."""


class Database:
    """One connection to write and one to read, so that no query delays a write. Thread-safe."""

    def __init__(self, settings: ClickHouseSettings) -> None:
        """Connect, and create the database if it is missing.

        Raises StoreUnavailable, StoreMisconfigured.
        """
        self._settings = settings
        try:
            with _connect(settings, None) as client:
                client.command(f"CREATE DATABASE IF NOT EXISTS {settings.database}")
            self._client = _connect(settings, settings.database)
            self._reader = _connect(settings, settings.database)
        except (ClickHouseError, OSError) as error:
            raise _translate(error, settings) from error

    def command(self, sql: str) -> None:
        """Run a statement without a result. Raises StoreUnavailable, StoreMisconfigured."""
        try:
            self._client.command(sql)
        except (ClickHouseError, OSError) as error:
            raise _translate(error, self._settings) from error

    def query(
        self, sql: str, parameters: dict[str, Any] | None = None, seconds: int | None = None
    ) -> list[tuple[Any, ...]]:
        """The rows of a SELECT that may run for `seconds`. Raises as `command`."""
        limits = {"max_execution_time": seconds} if seconds else None
        return [tuple(row) for row in self._select(sql, parameters, limits).result_rows]

    def select(self, sql: str) -> tuple[list[str], list[dict[str, Any]]]:
        """The names of the columns, and the rows by name; nothing can be written by it.

        Raises as `command`.
        """
        result = self._select(sql, None, _READ_ONLY)
        return list(result.column_names), [dict(row) for row in result.named_results()]

    def _select(
        self, sql: str, parameters: dict[str, Any] | None, limits: dict[str, Any] | None
    ) -> QueryResult:
        try:
            return self._reader.query(sql, parameters=parameters, settings=limits)
        except (ClickHouseError, OSError) as error:
            raise _translate(error, self._settings) from error

    def insert(self, table: str, rows: Sequence[msgspec.Struct]) -> None:
        """Write rows; all are stored when it returns, any may be when it raises (as `command`)."""
        block = _encoder.encode_lines(rows)
        try:
            self._client.raw_insert(table, insert_block=block, fmt="JSONEachRow", settings=_INSERT)
        except (ClickHouseError, OSError) as error:
            raise _translate(error, self._settings) from error

    def close(self) -> None:
        self._client.close()
        self._reader.close()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _connect(settings: ClickHouseSettings, database: str | None) -> Client:
    if settings.url is None:
        make_private_folder(settings.folder)
        return clickhouse_connect.get_client(
            interface="chdb", path=str(settings.folder), database=database
        )
    url = urlsplit(settings.url)
    return clickhouse_connect.get_client(
        interface=url.scheme,
        host=url.hostname,
        port=url.port or (8443 if url.scheme == "https" else 8123),
        username=settings.user,
        password=settings.password.get_secret_value(),
        database=database or "default",
        autogenerate_session_id=False,  # /status queries from its own thread
        connect_timeout=10,
        send_receive_timeout=settings.timeout_seconds,
        query_retries=0,  # sinks.clickhouse.retry does it, and logs it
    )


def _translate(error: Exception, settings: ClickHouseSettings) -> Exception:
    text = f"ClickHouse at {settings.place}: {error}"
    if isinstance(error, PermissionError) or getattr(error, "code", None) in _REFUSALS:
        return StoreMisconfigured(text)
    if settings.url is None and "Unable to open the chdb engine" in str(error):
        # A killed process releases its lock, so the process that holds it is running.
        return StoreUnavailable(
            f"{settings.place} cannot be opened: another process (a second sink, a Python shell) "
            f"has it open, or it is not a chDB folder ({error})"
        )
    return StoreUnavailable(text)
