"""Deletes all rows about one user, and waits until ClickHouse has rewritten the parts.

Counts by minute and hour name nobody and stay. What is stored afterwards is not looked at: whoever
asks first lets the sink read what Kafka has about the user.
"""

import time
from collections.abc import Callable

from schemas.codec import encode
from sinks.clickhouse.database import Database
from sinks.clickhouse.errors import StoreUnavailable

_WAIT_SECONDS = 600.0
_POLL_SECONDS = 0.1
_CONDITIONS = {
    "presence_history_raw": "aor = {aor}",
    "presence_raw": "aor = {aor}",
    "presence_days_raw": "aor = {aor}",
    "registrations_raw": "aor = {aor}",
    "calls_raw": "aor = {aor} OR peer IN ({aor}, {bare})",
    "speech_raw": "aor = {aor}",
    "dial_results_raw": "aor = {aor}",
    "call_records_raw": (
        "has(users, {aor}) OR has(joined, {aor}) OR caller = {aor} OR callee = {aor}"
        " OR position(record, {json}) > 0"
    ),
    "dead_letters_raw": (
        "position(tryBase64Decode(payload), {aor}) > 0 OR position(source, {aor}) > 0"
    ),
}

# What a record is once by, whatever is delivered how often.
_RECORD = {
    "presence_history_raw": "(aor, version)",
    "presence_raw": "aor",
    "presence_days_raw": "(day, aor, version)",
    "registrations_raw": "id",
    "calls_raw": "id",
    "speech_raw": "id",
    "dial_results_raw": "(asked_at, key)",
    "call_records_raw": "id",
    "dead_letters_raw": "(source, id)",
}


def forget(
    database: Database,
    aor: str,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, int]:
    """How many records were deleted, repeats once, by table (without `_raw`).

    `aor` as it is stored. Raises StoreUnavailable: ask again, which does the rest.
    """
    values = {
        "aor": _literal(aor),
        "bare": _literal(aor.removeprefix("sip:")),
        "json": _literal(encode(aor).decode()),
    }
    deleted = {}
    for table, condition in _CONDITIONS.items():
        chosen = condition.format(**values)
        # Rows as delivered: an older version of a record may name the user, and no newer one.
        ((count, records),) = database.query(
            f"SELECT count(), uniqExact({_RECORD[table]}) FROM {table} WHERE {chosen}"
        )
        if count:
            database.command(f"ALTER TABLE {table} DELETE WHERE {chosen}")
        deleted[table.removesuffix("_raw")] = int(records)
    _wait(database, clock, sleep)
    return deleted


def _wait(database: Database, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
    """Until no deletion is under way: only then are the bytes gone."""
    until = clock() + _WAIT_SECONDS
    tables = ", ".join(_literal(table) for table in _CONDITIONS)
    pending = (
        "SELECT table, latest_fail_reason FROM system.mutations WHERE NOT is_done"
        f" AND database = currentDatabase() AND table IN ({tables})"
    )
    while left := database.query(pending):
        if clock() > until:
            raise StoreUnavailable(f"rows not deleted yet: {left}")
        sleep(_POLL_SECONDS)


def _literal(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
