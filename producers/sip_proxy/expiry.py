"""When usrloc removes a contact: epoch seconds in events, seconds left in listings. Pure."""

from datetime import UTC, datetime, timedelta

from producers.sip_proxy.event import ServerEvent
from schemas.codec import InvalidRecord

_EXPIRES_MAX = 4_102_444_800  # the year 2100


def epoch(event: ServerEvent, name: str = "expires", shown: str | None = None) -> int:
    """Seconds since 1970. Raises InvalidRecord, naming `shown` where it is not the parameter."""
    seconds = event.required_number(name)
    if seconds > _EXPIRES_MAX:
        raise InvalidRecord(shown or name, "not a time in seconds")
    return seconds


def expiry(event: ServerEvent, name: str = "expires", shown: str | None = None) -> datetime | None:
    """The time of removal; None for permanent contacts (0). Raises InvalidRecord."""
    seconds = epoch(event, name, shown)
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def listed_expiry(fields: ServerEvent, began: datetime) -> datetime | None:
    """When usrloc removes a contact listed at `began`; None: never. Raises InvalidRecord."""
    if fields.text("Expires") == "permanent" or (left := fields.number("Expires")) is None:
        return None
    if left > _EXPIRES_MAX:
        raise InvalidRecord("Expires", "not a number of seconds")
    # Counted from the server's time in whole seconds (ul_mi.c).
    return began.replace(microsecond=0) + timedelta(seconds=left)
