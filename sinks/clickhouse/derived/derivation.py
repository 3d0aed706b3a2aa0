"""Closed periods → their spans and counts: what is due is computed, then published at once.

A day's rows take the place of the table's partition; then the period is recorded as derived, from
which on the views read it. A crash before that leaves rows that nobody reads, and the period due.
"""

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from runtime import logs
from sinks.clickhouse.database import Database
from sinks.clickhouse.derived import statements
from sinks.clickhouse.derived.periods import DAY, Times, due_days, due_hours

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
        self._now = now or self._clock

    def run(self, stopped: Callable[[], bool] = lambda: False) -> int:
        """Derive what is due, until `stopped`; how many periods were.

        Raises StoreUnavailable, StoreMisconfigured.
        """
        count, known = 0, self._times("presence")
        derived = set(known[1])
        for day in due_days(*known, self._now(), self._kept):
            if stopped():
                return count
            self._derive_day(day, is_first=day - DAY not in derived)
            derived.add(day)
            count += 1
        for hour in due_hours(*self._times("registrations"), self._now()):
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

    def _derive_day(self, day: datetime, *, is_first: bool) -> None:
        began = self._now()
        self._replace("presence_days_raw", day, statements.spans_of_day(day, is_first=is_first))
        spans = f"(SELECT * FROM presence_days_raw WHERE day = '{day:%Y-%m-%d}')"
        for name in statements.OF_SPANS:
            self._replace(f"{name}_raw", day, statements.counts(name, spans))
        self._record("presence", day, began)

    def _replace(self, table: str, day: datetime, select: str) -> None:
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
        self._database.command(
            "INSERT INTO derived_periods (what, period, derived_at) VALUES"
            f" ('{what}', '{period:%Y-%m-%d %H:%M:%S}', '{began:%Y-%m-%d %H:%M:%S.%f}')"
        )
        _log.info("derived", what=what, period=period.isoformat())

    def _times(self, what: str) -> tuple[Times, Times]:
        """By period: when its latest row was stored, and when it was derived."""
        return (
            self._by_period(f"max(stored_at) FROM stored_periods WHERE what = '{what}'"),
            self._by_period(f"max(derived_at) FROM derived_periods WHERE what = '{what}'"),
        )

    def _by_period(self, select: str) -> dict[datetime, datetime]:
        rows = self._database.query(f"SELECT period, {select} GROUP BY period")
        return {_utc(period): _utc(at) for period, at in rows}

    def _clock(self) -> datetime:
        ((now,),) = self._database.query("SELECT now64(3, 'UTC')")
        return _utc(now)


def _utc(moment: datetime) -> datetime:
    """The driver gives times without their zone, which is UTC in all columns."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
