"""How long rows are kept: the settings → the tables' TTL, after the migrations.

A partition is one day's, so ClickHouse drops it whole once its last row is due.
"""

from runtime import logs
from sinks.clickhouse.database import Database
from sinks.clickhouse.settings import ClickHouseSettings

_log = logs.get(__name__)
_LEFT_OUT = str.maketrans("", "", "() ")


def lifetimes(settings: ClickHouseSettings) -> dict[str, str]:
    """By table, the days for which a row is kept: a number, or an expression of its columns."""
    events, presence = str(settings.keep_events_days), str(settings.keep_presence_days)

    def shorter(condition: str, days: int) -> str:
        return f"if({condition}, {min(days, settings.keep_events_days)}, {events})"

    return {
        "registrations_raw": shorter(
            "kind IN ('refreshed', 'snapshot-row')", settings.keep_refreshes_days
        ),
        "connections_raw": events,
        "calls_raw": events,
        "nodes_raw": shorter("kind = 'heartbeat'", 1),
        "media_raw": shorter("kind = 'quality'", 30),
        "speech_raw": events,
        "call_records_raw": events,
        "dial_results_raw": events,
        "presence_history_raw": presence,
    }


def keep(database: Database, settings: ClickHouseSettings) -> list[str]:
    """Give each table the lifetime of the settings; returns the tables that had another.

    Raises StoreUnavailable, StoreMisconfigured.
    """
    known = dict(
        database.query(
            "SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()"
        )
    )
    changed = []
    for table, days in lifetimes(settings).items():
        lifetime = f"toDateTime(stored_at) + toIntervalDay({days})"
        if _bare(f" TTL {lifetime} SETTINGS") in _bare(known[table]):
            continue
        database.define(f"ALTER TABLE {table} MODIFY TTL {lifetime}")
        _log.info("lifetime changed", table=table, days=days)
        changed.append(table)
    return changed


def _bare(expression: str) -> str:
    """Without what ClickHouse adds when it writes an expression anew."""
    return expression.translate(_LEFT_OUT)
