"""TIME as a person at the command line gives it -> a moment, and what was assumed of it."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from runtime.settings import BadArgument

_AGO = re.compile(r"-(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class Moment(NamedTuple):
    """`assumed` says in words what TIME left open; empty where it left nothing."""

    at: datetime
    assumed: str = ""


def parse_moment(text: str, now: datetime) -> Moment:
    """ISO 8601 (`2026-01-31T03:12:00Z`, `2026-01-31 03:12`), a time of day (`03:12`: the last one),
    or so long before `now` (`-10m`, `-1h30m`, `-2d`). Without a zone it is UTC.

    Raises BadArgument when it is none of these, or lies after `now`.
    """
    if ago := _AGO.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in ago.groups())
        try:
            past = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return Moment(now - past)
        except OverflowError:
            raise BadArgument(f"{text!r} is too long ago") from None
    moment = _last_time_of_day(text, now) or _absolute(text)
    if moment is None:
        raise BadArgument(
            f"{text!r} is no time: give 2026-01-31T03:12:00Z, 03:12 or, for ten minutes ago, -10m"
        )
    if moment.at > now:
        raise BadArgument(f"{text!r} lies in the future: it is {now:%Y-%m-%d %H:%M:%S}Z")
    return moment


def _absolute(text: str) -> Moment | None:
    try:
        return _zoned(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _last_time_of_day(text: str, now: datetime) -> Moment | None:
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return None
    if ":" not in text:
        return None  # `2026` is rather a mistyped date than 20:26
    today: date = now.astimezone(clock.tzinfo or UTC).date()
    moment = _zoned(datetime.combine(today, clock))
    if moment.at <= now:
        return moment
    return moment._replace(at=moment.at - timedelta(days=1))


def _zoned(at: datetime) -> Moment:
    if at.tzinfo is None:
        return Moment(at.replace(tzinfo=UTC), "TIME names no zone: taken as UTC")
    return Moment(at.astimezone(UTC))
