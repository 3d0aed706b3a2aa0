"""When the rows of each period were stored last, and when it was derived: tables of the store.

`what` is `presence` (by day), `registrations` (by hour), or of the open day: `presence_quarters`
(of an hour) that were stored, `presence_part`, whose period is the moment until which the day was
derived, and `presence_state`, the moment at which each user's state was kept. Of these two the
latest record counts.
"""

from datetime import UTC, date, datetime

from sinks.clickhouse.database import Database
from sinks.clickhouse.derived.periods import DAY

NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class RecordedTimes:
    """By the clock of ClickHouse. Its methods raise StoreUnavailable, StoreMisconfigured."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def stored_registrations(self) -> dict[datetime, datetime]:
        """By hour: when the latest of its rows was stored."""
        return self._by_period(
            "period, max(stored_at) FROM stored_periods WHERE what = 'registrations'"
        )

    def stored_presence(self, now: datetime) -> dict[datetime, datetime]:
        """By day, of the last three by part of it: when the latest of its rows was stored.

        A version before noted them by day or by hour.
        """
        first = f"toDateTime('{now - 3 * DAY:%Y-%m-%d %H:%M:%S}', 'UTC')"
        return self._by_period(
            f"if(period < {first}, toDateTime(toStartOfDay(period), 'UTC'), period) AS part,"
            " max(stored_at) FROM stored_periods WHERE startsWith(what, 'presence')"
        )

    def derived(self, what: str) -> dict[datetime, datetime]:
        """By period: when it was derived."""
        return self._by_period(
            f"period, max(derived_at) FROM derived_periods WHERE what = '{what}'"
        )

    def part(self) -> tuple[datetime, datetime]:
        """Until when a day is derived in part, and when that was; NEVER both where none is."""
        rows = self._database.query(
            "SELECT period, derived_at FROM derived_periods WHERE what = 'presence_part'"
            " ORDER BY derived_at DESC LIMIT 1"
        )
        return (_utc(rows[0][0]), _utc(rows[0][1])) if rows else (NEVER, NEVER)

    def opening(self) -> tuple[datetime, date, bool]:
        """The end of what is derived, the last day of it, and whether the state then is kept."""
        ((since, day, has_state),) = self._database.query(
            "SELECT since, day, state_day != day FROM presence_open"
        )
        return _utc(since), day, bool(has_state)

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
        rows = self._database.query(f"SELECT {select} GROUP BY 1")
        return {_utc(period): _utc(at) for period, at in rows}


def _utc(moment: datetime) -> datetime:
    """The driver gives times without their zone, which is UTC in all columns."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
