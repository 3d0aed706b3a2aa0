"""The views of what is derived: closed periods from their tables, the open one from its rows.

Made at every start, of the same SELECTs that derive closed periods, so that both are one.
"""

from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.statements import (
    OF_REGISTRATIONS,
    OF_SPANS,
    OLDEST,
    open_counts,
    open_events,
    open_spans,
)

_PARTS = tuple(f"{name}_{part}" for name in OF_SPANS for part in ("closed", "open"))
NAMES = ("presence_days", "presence_spans", "presence_open", *OF_SPANS, *_PARTS, *OF_REGISTRATIONS)
_OPEN = "(SELECT toDate(since) FROM presence_open)"
_COMMENTS = {
    "presence_open": "since: the start of the first day that is not derived; day: the one before",
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
        comment = _COMMENTS.get(name) or f"A part of {name.rpartition('_')[0]}"
        database.define(f"CREATE OR REPLACE VIEW {name} AS {select} COMMENT '{comment}'")


def _selects() -> dict[str, str]:
    found = {
        "presence_open": _since("presence", "day", "toDate(max(period)) AS day"),
        "registrations_open": _since("registrations", "hour"),
        "presence_days": f"SELECT * FROM presence_days_raw WHERE day < {_OPEN}",
        "presence_spans": (
            f"SELECT aor, version, since, toNullable(until) AS until, {_SPAN_COLUMNS}"
            f" FROM presence_days_raw WHERE has_ended AND day < {_OPEN} UNION ALL"
            f" SELECT aor, version, since, if(has_ended, until, NULL) AS until,"
            f" {_SPAN_COLUMNS} FROM ({open_spans()})"
        ),
    }
    for name in OF_SPANS:
        # Apart, so that a question about the past need not compute what is open.
        found[f"{name}_closed"] = f"SELECT * FROM {name}_raw WHERE day < {_OPEN}"
        found[f"{name}_open"] = open_counts(name)
        found[name] = f"SELECT * FROM {name}_closed UNION ALL SELECT * FROM {name}_open"
    for name in OF_REGISTRATIONS:
        found[name] = f"SELECT * FROM {name}_raw FINAL UNION ALL {open_events(name)}"
    return found


def _since(what: str, step: str, *more: str) -> str:
    """The end of the last derived period; before all times where there is none."""
    end = f"toDateTime64(max(period), 6, 'UTC') + INTERVAL 1 {step}"
    since = f"if(count() = 0, {OLDEST}, {end}) AS since"
    return f"SELECT {', '.join((since, *more))} FROM derived_periods WHERE what = '{what}'"
