"""Times as JSON has them."""

from datetime import datetime


def rfc3339(moment: datetime) -> str:
    """A time in UTC, with Z."""
    return moment.isoformat().replace("+00:00", "Z")


def iso(moment: datetime | None) -> str | None:
    """The same; None where there is none."""
    return rfc3339(moment) if moment else None
