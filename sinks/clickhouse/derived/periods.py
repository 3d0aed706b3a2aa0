"""Which closed days and hours have to be derived: from when their rows were stored. Pure.

A period is due once it has ended and none of its rows was stored within `QUIET`: an insert is
visible within that time of the `stored_at` of its rows, so none is missed. Late rows make it due
again. All times are by the clock of ClickHouse.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

QUIET = timedelta(seconds=60)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)

Times = Mapping[datetime, datetime]


def due_days(stored: Times, derived: Times, now: datetime, kept: timedelta) -> list[datetime]:
    """The days to derive, in order: each begins with the state in which the one before ended.

    So days without changes are derived too, and all days after one that is derived again.
    `stored`: by day, when its latest row was stored; `derived`: when it was derived last.
    """
    known = [day for day in stored if day >= now - kept]
    if not known:
        return []
    days, day = [], min(known)
    while day + DAY <= now:
        days.append(day)
        day += DAY
    first = next((at for at, day in enumerate(days) if _is_stale(day, stored, derived)), len(days))
    due = []
    for day in days[first:]:
        if not _is_quiet(day, stored, now):
            break
        due.append(day)
    return due


def due_hours(stored: Times, derived: Times, now: datetime) -> list[datetime]:
    """The hours with rows to derive, in order; none after one that was never derived."""
    due = []
    for hour in sorted(stored):
        if hour + HOUR > now or not _is_stale(hour, stored, derived):
            continue
        if _is_quiet(hour, stored, now):
            due.append(hour)
        elif hour not in derived:
            break
    return due


def _is_stale(period: datetime, stored: Times, derived: Times) -> bool:
    if period not in derived:
        return True
    return period in stored and derived[period] < stored[period] + QUIET


def _is_quiet(period: datetime, stored: Times, now: datetime) -> bool:
    return period not in stored or stored[period] + QUIET <= now
