"""Asks the store: the running sink over its socket, a server by its URL, else chDB's own folder."""

import json
from collections.abc import Mapping

import httpx

from sinks.clickhouse.asking.answer import LIMITS, Answer, read_answer
from sinks.clickhouse.asking.connection import Questions
from sinks.clickhouse.asking.endpoint import SOCKET_NAME, short_path
from sinks.clickhouse.asking.statement import checked
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StatementRefused, StoreUnavailable
from sinks.clickhouse.forgetting import forget
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import ASKED

# Longer than a statement may run.
_TIMEOUT_SECONDS = LIMITS["max_execution_time"] + 10
_FORGET_SECONDS = 660
_REFUSED = (400, 413)


def ask(settings: ClickHouseSettings, sql: str, parameters: Mapping[str, object]) -> Answer:
    """The answer to a SELECT of the views; `parameters` stand in it as `{name:Type}`.

    Raises StatementRefused, StoreUnavailable, StoreMisconfigured.
    """
    if settings.url is None and (settings.folder / SOCKET_NAME).exists():
        try:
            return _ask_sink(settings, sql, parameters)  # which checks the statement itself
        except httpx.ConnectError:
            pass  # of a killed sink: nobody has the folder open
    statement = checked(sql, ASKED)
    if settings.url is None and not settings.folder.is_dir():
        raise StoreUnavailable(
            f"there is no store at {settings.folder} (clickhouse.folder): `rollcall up` or "
            "`rollcall run clickhouse` makes one"
        )
    with Questions(settings) as questions:
        return read_answer(questions.ask(statement, dict(parameters)))


def erase(settings: ClickHouseSettings, aor: str) -> dict[str, int] | None:
    """Delete the rows of a user, as stored; how many, by table. None: there is no store.

    Raises StoreUnavailable, StoreMisconfigured.
    """
    if settings.url is None and not settings.folder.is_dir():
        return None
    if settings.url is None and (settings.folder / SOCKET_NAME).exists():
        try:
            body = _post(settings, "forget", {"aor": aor}, _FORGET_SECONDS)
            return {str(table): int(rows) for table, rows in json.loads(body).items()}
        except httpx.ConnectError:
            pass  # of a killed sink: nobody has the folder open
    with Database(settings) as database:
        return forget(database, aor)


def _ask_sink(settings: ClickHouseSettings, sql: str, parameters: Mapping[str, object]) -> Answer:
    body = {"sql": sql, "parameters": dict(parameters)}
    return read_answer(_post(settings, "query", body, _TIMEOUT_SECONDS))


def _post(settings: ClickHouseSettings, what: str, body: object, seconds: float) -> bytes:
    """The sink's answer over its socket. Raises httpx.ConnectError where there is no sink."""
    with short_path(settings.folder) as path:
        transport = httpx.HTTPTransport(uds=path)
        with httpx.Client(transport=transport, timeout=seconds) as client:
            response = client.post(f"http://sink/{what}", json=body)
    if response.is_success:
        return response.content
    error = response.json().get("error", response.text)
    if response.status_code in _REFUSED:
        raise StatementRefused(error)
    raise StoreUnavailable(error)
