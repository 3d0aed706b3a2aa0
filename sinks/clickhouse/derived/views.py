"""The views of what is derived: closed periods from their tables, the open one from its rows.

Made at every start, of the same SELECTs that derive closed periods, so that both are one.
"""

from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.statements import (
    OF_REGISTRATIONS,
    OF_SPANS,
    OLDEST,
    counts,
    open_events,
    open_spans,
)

NAMES = ("presence_days", "presence_spans", "presence_open", *OF_SPANS, *OF_REGISTRATIONS)
_OPEN = "(SELECT toDate(since) FROM presence_open)"
_COMMENTS = {
    "presence_open": "The start of the first day that is not derived",
    "registrations_open": "The start of the first hour that is not derived",
    "presence_days": "Spans of closed days, cut at midnight (UTC)",
    "presence_spans": "What presence was, from when until when (null: still is)",
    "online_by_minute": "Changes of how many users are in a state, from the start of a day on",
    "losses_by_minute": "How often users became unreachable",
    "changes_by_minute": "Presence changes",
    "registrations_by_minute": "Registration events",
    "registrations_by_hour": "Registration events, by client too",
}
_SPAN_COLUMNS = "status, reachable, grey, nodes, cause, until_cause, lost_by, lost, came"


def make(database: Database) -> None:
    """Create or replace them all. Raises StoreUnavailable, StoreMisconfigured."""
    for name, select in _selects().items():
        comment = _COMMENTS[name]
        database.command(f"CREATE OR REPLACE VIEW {name} AS {select} COMMENT '{comment}'")


def _selects() -> dict[str, str]:
    live = open_spans()
    found = {
        "presence_open": _since("presence", "day"),
        "registrations_open": _since("registrations", "hour"),
        "presence_days": f"SELECT * FROM presence_days_raw WHERE day < {_OPEN}",
        "presence_spans": (
            f"SELECT aor, version, since, toNullable(until) AS until, {_SPAN_COLUMNS}"
            f" FROM presence_days_raw WHERE has_ended AND day < {_OPEN} UNION ALL"
            f" SELECT aor, version, since, if(has_ended, until, NULL) AS until,"
            f" {_SPAN_COLUMNS} FROM ({live})"
        ),
    }
    for name in OF_SPANS:
        found[name] = (
            f"SELECT * FROM {name}_raw WHERE day < {_OPEN} UNION ALL {counts(name, f'({live})')}"
        )
    for name in OF_REGISTRATIONS:
        found[name] = f"SELECT * FROM {name}_raw FINAL UNION ALL {open_events(name)}"
    return found


def _since(what: str, step: str) -> str:
    """The end of the last derived period; before all times where there is none."""
    end = f"toDateTime64(max(period), 6, 'UTC') + INTERVAL 1 {step}"
    return (
        f"SELECT if(count() = 0, {OLDEST}, {end}) AS since FROM derived_periods"
        f" WHERE what = '{what}'"
    )
