"""Times as JSON has them."""

from datetime import datetime


def iso(moment: datetime | None) -> str | None:
    """RFC 3339 with Z; None where there is none."""
    return moment.isoformat().replace("+00:00", "Z") if moment else None
