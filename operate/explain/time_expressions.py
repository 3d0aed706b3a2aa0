"""A TIME of the command line → a point in time, and what was assumed where it was ambiguous."""

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import NamedTuple

from runtime.settings import BadArgument

_AGO = re.compile(r"-(?=\d)(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")


class ParsedTime(NamedTuple):
    """`assumed` is a sentence about what TIME left open, empty where it left nothing open."""

    at: datetime
    assumed: str = ""


def parse_time(text: str, now: datetime) -> ParsedTime:
    """Parse ISO 8601 (`2026-01-31T03:12:00Z`, `2026-01-31 03:12`), a time of day (`03:12`, the last
    one) or a duration before `now` (`-10m`, `-1h30m`, `-2d`). Without a zone it is UTC.

    Raises BadArgument when it is none of these, or after `now`.
    """
    if ago := _AGO.fullmatch(text):
        days, hours, minutes, seconds = (int(part or 0) for part in ago.groups())
        try:
            past = timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
            return ParsedTime(now - past)
        except OverflowError:
            raise BadArgument(f"{text!r} is too long ago") from None
    parsed = _last_time_of_day(text, now) or _absolute(text)
    if parsed is None:
        raise BadArgument(
            f"{text!r} is not a time: use 2026-01-31T03:12:00Z, 03:12 or, for ten minutes ago, -10m"
        )
    if parsed.at > now:
        raise BadArgument(f"{text!r} is in the future: it is now {now:%Y-%m-%d %H:%M:%S}Z")
    return parsed


def _absolute(text: str) -> ParsedTime | None:
    try:
        return _zoned(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        return None


def _last_time_of_day(text: str, now: datetime) -> ParsedTime | None:
    try:
        clock = time.fromisoformat(text)
    except ValueError:
        return None
    if ":" not in text:
        return None  # `2026` is more likely a mistyped date than 20:26
    today: date = now.astimezone(clock.tzinfo or UTC).date()
    parsed = _zoned(datetime.combine(today, clock))
    if parsed.at <= now:
        return parsed
    return parsed._replace(at=parsed.at - timedelta(days=1))


def _zoned(at: datetime) -> ParsedTime:
    if at.tzinfo is None:
        return ParsedTime(at.replace(tzinfo=UTC), "TIME has no zone: UTC assumed")
    return ParsedTime(at.astimezone(UTC))
