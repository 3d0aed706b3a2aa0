"""Which closed days and hours have to be derived: from when their rows were stored. Pure.

A period is due once it has ended and none of its rows was stored within `QUIET`: an insert is
visible within that time of the `stored_at` of its rows, so none is missed. Late rows make it due
again. All times are by the clock of ClickHouse.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

QUIET = timedelta(seconds=60)
DAY, HOUR, QUARTER = timedelta(days=1), timedelta(hours=1), timedelta(minutes=15)

Times = Mapping[datetime, datetime]


def due_days(stored: Times, derived: Times, now: datetime, kept: timedelta) -> list[datetime]:
    """The days to derive, in order: each begins with the state in which the one before ended.

    So days without changes are derived too, and all days after one that is derived again.
    `stored`: by day or a part of it, when its latest row was stored; `derived`: by day, when it was
    derived.
    """
    by_day = _by_day(stored)
    known = [day for day in by_day if day >= now - kept]
    if not known:
        return []
    days, day = [], min(known)
    while day + DAY <= now:
        days.append(day)
        day += DAY
    stale = (at for at, day in enumerate(days) if _is_stale_day(day, by_day, derived))
    due = []
    for day in days[next(stale, len(days)) :]:
        if not _is_quiet(day, by_day, now):
            break
        due.append(day)
    return due


def closed_until(day: datetime, stored: Times, now: datetime) -> datetime:
    """The end of the quarters of an hour of `day` that have ended and have no rows still coming."""
    until = day
    while until + QUARTER <= min(now, day + DAY) and _is_quiet(until, stored, now):
        until += QUARTER
    return until


def is_part_stale(
    day: datetime, until: datetime, derived_at: datetime, stored: Times, derived: Times
) -> bool:
    """Whether `day`, derived until then, has to be once more: of its rows, or of the day before."""
    newest = max((at for quarter, at in stored.items() if day <= quarter < until), default=None)
    if newest is not None and derived_at < newest + QUIET:
        return True
    return day - DAY in derived and derived_at < derived[day - DAY]


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


def _by_day(stored: Times) -> dict[datetime, datetime]:
    found: dict[datetime, datetime] = {}
    for period, at in stored.items():
        day = period.replace(hour=0, minute=0)
        found[day] = max(at, found.get(day, at))
    return found


def _is_stale_day(day: datetime, stored: Times, derived: Times) -> bool:
    """Also where the day before was derived since, after which a process was killed."""
    if _is_stale(day, stored, derived):
        return True
    return day - DAY in derived and derived[day] < derived[day - DAY]


def _is_stale(period: datetime, stored: Times, derived: Times) -> bool:
    if period not in derived:
        return True
    return period in stored and derived[period] < stored[period] + QUIET


def _is_quiet(period: datetime, stored: Times, now: datetime) -> bool:
    return period not in stored or stored[period] + QUIET <= now
