"""Closed periods → their spans and counts: what is due is computed, then published at once.

A day's rows take the place of the table's partition; then the period is recorded as derived, from
which on the views read it. A crash before that leaves rows that nobody reads, and the period due.
The open day is derived up to the end of its closed quarters: anew, as one more of them has closed.
"""

import secrets
from collections.abc import Callable
from datetime import date, datetime, timedelta

from runtime import logs
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import statements
from sinks.clickhouse.derived.periods import (
    DAY,
    Times,
    closed_until,
    due_days,
    due_hours,
    is_part_stale,
)
from sinks.clickhouse.derived.recorded_times import RecordedTimes

_log = logs.get(__name__)
# One core at most, so that storing goes on; what does not fit into memory is sorted on disk.
_LIMITS = (
    "SETTINGS max_threads = 1, max_bytes_before_external_sort = 500000000,"
    " max_bytes_before_external_group_by = 500000000"
)
# The name of a table in which a day is computed begins with it.
STAGING = "staging_"


class Derivation:
    """Belongs to one thread, with a connection of its own. Several may work on one store."""

    def __init__(
        self, database: Database, kept: timedelta, now: Callable[[], datetime] | None = None
    ) -> None:
        """`kept`: older days are not derived. `now`: by default the clock of ClickHouse."""
        self._database = database
        self._kept = kept
        self._times = RecordedTimes(database)
        self._now = now or self._times.now

    def run(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Derive what is due, until `stopped`; how many periods were.

        Raises StoreUnavailable, StoreMisconfigured.
        """
        count, derived = 0, self._times.derived("presence")
        stored = self._times.stored_presence(self._now())
        for day in due_days(stored, derived, self._now(), self._kept):
            if stopped():
                return count
            derived[day] = self._derive_day(day, day + DAY, is_first=day - DAY not in derived)
            self._record("presence", day, derived[day])
            count += 1
        if derived and not stopped():
            count += self._derive_part(max(derived) + DAY, stored, derived)
            self._keep_state()
        stored = self._times.stored_registrations()
        for hour in due_hours(stored, self._times.derived("registrations"), self._now()):
            if stopped():
                return count
            self._derive_hour(hour)
            count += 1
        return count

    def clean(self) -> None:
        """Drop what a killed process left behind. Raises as `run`."""
        for (name,) in self._database.query(
            "SELECT name FROM system.tables WHERE database = currentDatabase()"
            f" AND startsWith(name, '{STAGING}')"
        ):
            self._database.command(f"DROP TABLE IF EXISTS {name}")

    def _derive_part(self, day: datetime, stored: Times, derived: Times) -> int:
        """Of the day that is open: what of it is closed, where due; how many periods were."""
        now = self._now()
        until, (known, derived_at) = closed_until(day, stored, now), self._times.part()
        is_stale = is_part_stale(day, min(until, known), derived_at, stored, derived)
        if until < known:
            # Rows of a derived quarter are coming: the views have to read them again.
            self._record("presence_part", day if is_stale else until, now)
        if until == day or (until <= known and not is_stale):
            return 0
        self._record("presence_part", until, self._derive_day(day, until, is_first=False))
        return 1

    def _keep_state(self) -> None:
        """Every user's state at the end of what is derived, beside the days: see `statements`."""
        since, day, is_kept = self._times.opening()
        if is_kept:
            return
        began = self._now()
        self._replace("presence_days_raw", statements.STATE_DAY, statements.state(since, day))
        self._times.record("presence_state", since, began)

    def _derive_day(self, day: datetime, until: datetime, *, is_first: bool) -> datetime:
        """The day up to then; when that began."""
        began = self._now()
        spans_of_day = statements.spans_of_day(day, until, is_first=is_first)
        self._replace("presence_days_raw", day, spans_of_day)
        spans = f"(SELECT * FROM presence_days_raw WHERE day = '{day:%Y-%m-%d}')"
        for name in statements.OF_SPANS:
            self._replace(f"{name}_raw", day, statements.counts(name, spans))
        return began

    def _replace(self, table: str, day: date, select: str) -> None:
        staging = f"{STAGING}{table}_{secrets.token_hex(4)}"
        self._database.command(f"CREATE TABLE {staging} AS {table} {self._engine(table)}")
        try:
            self._database.command(f"INSERT INTO {staging} {select} {_LIMITS}")
            ((rows,),) = self._database.query(f"SELECT count() FROM {staging}")
            partition = f"PARTITION '{day:%Y-%m-%d}'"
            change = f"REPLACE {partition} FROM {staging}" if rows else f"DROP {partition}"
            self._database.command(f"ALTER TABLE {table} {change}")
        finally:
            self._database.command(f"DROP TABLE IF EXISTS {staging}")

    def _engine(self, table: str) -> str:
        """That of a table on this server alone whose partitions the other one can take."""
        ((partition, order),) = self._database.query(
            "SELECT partition_key, sorting_key FROM system.tables"
            f" WHERE database = currentDatabase() AND name = '{table}'"
        )
        return f"ENGINE = MergeTree PARTITION BY ({partition}) ORDER BY ({order})"

    def _derive_hour(self, hour: datetime) -> None:
        began = self._now()
        for name in statements.OF_REGISTRATIONS:
            select = statements.events_of_hour(name, hour)
            self._database.command(f"INSERT INTO {name}_raw {select} {_LIMITS}")
        self._record("registrations", hour, began)

    def _record(self, what: str, period: datetime, began: datetime) -> None:
        self._times.record(what, period, began)
        _log.info("derived", what=what, period=period.isoformat())
