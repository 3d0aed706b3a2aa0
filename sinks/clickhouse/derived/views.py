"""The views of what is derived: closed periods from their tables, the open one from its rows.

Made at every start, of the same SELECTs that derive closed periods, so that both are one. Of the
open day its closed quarters are derived, up to `presence_open.since`. Its rows may go on after
that, where they were replaced and it is not recorded yet: they are shown as they were then.
"""

from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.statements import (
    OF_REGISTRATIONS,
    OF_SPANS,
    OLDEST,
    STATE_DAY,
    open_counts,
    open_events,
    open_spans,
)

_PARTS = tuple(f"{name}_{part}" for name in OF_SPANS for part in ("closed", "open"))
NAMES = ("presence_days", "presence_spans", "presence_open", *OF_SPANS, *_PARTS, *OF_REGISTRATIONS)
_OPENED = "(SELECT since FROM presence_open)"
_OPEN_DAY = "(SELECT toDate(since) FROM presence_open)"
_COMMENTS = {
    "presence_open": (
        "since: the end of what is derived; day: the last day of it, whole or in part;"
        " state_day: where the spans that go on then are"
    ),
    "registrations_open": "The start of the first hour that is not derived",
    "presence_days": "Spans of what is derived, cut at midnight (UTC)",
    "presence_spans": "What presence was, from when until when (null: still is)",
    "online_by_minute": "Changes of how many users are in a state, from the start of a day on",
    "losses_by_minute": "How often users became unreachable",
    "changes_by_minute": "Presence changes",
    "registrations_by_minute": "Registration events",
    "registrations_by_hour": "Registration events, by client too",
}
# Before all times where nothing is derived. Of the open day the latest record counts, not the one
# of the latest moment: it goes back where late rows come. The state is that of the last records.
_PRESENCE_OPEN = f"""
SELECT
    if(is_none, {OLDEST}, toDateTime64(derived_until, 6, 'UTC')) AS since,
    if(is_none, toDate(0), toDate(derived_until - INTERVAL 1 SECOND)) AS day,
    if(has_state AND state_until = derived_until, toDate('{STATE_DAY}'), day) AS state_day
FROM
(
    SELECT
        countIf(what = 'presence') = 0 AS is_none,
        greatest(
            maxIf(period, what = 'presence') + INTERVAL 1 DAY,
            argMaxIf(period, derived_at, what = 'presence_part')
        ) AS derived_until,
        argMaxIf(period, derived_at, what = 'presence_state') AS state_until,
        maxIf(derived_at, what = 'presence_state')
            >= maxIf(derived_at, what IN ('presence', 'presence_part')) AS has_state
    FROM derived_periods
)
"""
_REGISTRATIONS_OPEN = f"""
SELECT
    if(count() = 0, {OLDEST}, toDateTime64(max(period), 6, 'UTC') + INTERVAL 1 HOUR) AS since
FROM derived_periods
WHERE what = 'registrations'
"""
_AS_OF_OPENING = f"""
    least(until, assumeNotNull({_OPENED})) AS until,
    CAST(has_ended AND until < {_OPENED}, 'Bool') AS has_ended,
    CAST(if(until < {_OPENED}, until_cause, ''), 'LowCardinality(String)') AS until_cause,
    CAST(lost AND until < {_OPENED}, 'Bool') AS lost
"""
_SPAN_COLUMNS = "status, reachable, grey, nodes, cause, until_cause, lost_by, lost, came"


def make(database: Database) -> None:
    """Create or replace them all. Raises StoreUnavailable, StoreMisconfigured."""
    for name, select in _selects().items():
        comment = _COMMENTS.get(name) or f"A part of {name.rpartition('_')[0]}"
        database.define(f"CREATE OR REPLACE VIEW {name} AS {select} COMMENT '{comment}'")


def _selects() -> dict[str, str]:
    found = {
        "presence_open": _PRESENCE_OPEN,
        "registrations_open": _REGISTRATIONS_OPEN,
        "presence_days": (
            f"SELECT * FROM presence_days_raw WHERE day < {_OPEN_DAY} UNION ALL"
            f" SELECT * REPLACE ({_AS_OF_OPENING}) FROM presence_days_raw"
            f" WHERE day = {_OPEN_DAY} AND start < {_OPENED}"
        ),
        "presence_spans": (
            f"SELECT aor, version, since, toNullable(until) AS until, {_SPAN_COLUMNS}"
            f" FROM presence_days_raw WHERE has_ended AND day <= {_OPEN_DAY}"
            f" AND until < {_OPENED} UNION ALL"
            f" SELECT aor, version, since, if(has_ended, until, NULL) AS until,"
            f" {_SPAN_COLUMNS} FROM ({open_spans()})"
        ),
    }
    for name in OF_SPANS:
        # Apart, so that a question about the past need not compute what is open.
        found[f"{name}_closed"] = (
            f"SELECT * FROM {name}_raw WHERE day <= {_OPEN_DAY} AND minute < {_OPENED}"
        )
        found[f"{name}_open"] = open_counts(name)
        found[name] = f"SELECT * FROM {name}_closed UNION ALL SELECT * FROM {name}_open"
    for name in OF_REGISTRATIONS:
        found[name] = f"SELECT * FROM {name}_raw FINAL UNION ALL {open_events(name)}"
    return found
