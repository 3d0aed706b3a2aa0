"""When the rows of each period were stored last, and when it was derived: tables of the store.

`what` is `presence` (by day), `presence_hours` or `registrations` (by hour). Of `presence_hours`
the period that was derived is the hour until which the open day was: the latest record counts.
"""

from datetime import UTC, datetime

from sinks.clickhouse.database import Database

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class RecordedTimes:
    """By the clock of ClickHouse. Its methods raise StoreUnavailable, StoreMisconfigured."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored(self, *what: str) -> dict[datetime, datetime]:
        """By period: when the latest of its rows was stored."""
        listed = ", ".join(f"'{one}'" for one in what)
        return self._by_period(f"max(stored_at) FROM stored_periods WHERE what IN ({listed})")

    def derived(self, what: str) -> dict[datetime, datetime]:
        """By period: when it was derived."""
        return self._by_period(f"max(derived_at) FROM derived_periods WHERE what = '{what}'")

    def part(self) -> tuple[datetime, datetime]:
        """Until when a day is derived in part, and when that was; NEVER both where none is."""
        rows = self._database.query(
            "SELECT period, derived_at FROM derived_periods WHERE what = 'presence_hours'"
            " ORDER BY derived_at DESC LIMIT 1"
        )
        return (_utc(rows[0][0]), _utc(rows[0][1])) if rows else (NEVER, NEVER)

    def record(self, what: str, period: datetime, derived_at: datetime) -> None:
        """That it is derived, of rows that were visible then."""
        self._database.command(
            "INSERT INTO derived_periods (what, period, derived_at) VALUES"
            f" ('{what}', '{period:%Y-%m-%d %H:%M:%S}', '{derived_at:%Y-%m-%d %H:%M:%S.%f}')"
        )

    def now(self) -> datetime:
        ((now,),) = self._database.query("SELECT now64(3, 'UTC')")
        return _utc(now)

    def _by_period(self, select: str) -> dict[datetime, datetime]:
        rows = self._database.query(f"SELECT period, {select} GROUP BY period")
        return {_utc(period): _utc(at) for period, at in rows}


def _utc(moment: datetime) -> datetime:
    """The driver gives times without their zone, which is UTC in all columns."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
