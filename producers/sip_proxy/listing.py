"""Fields of what a server lists that are alike in OpenSIPS and Kamailio. Pure."""

import re
from typing import Any

from producers.sip_proxy.errors import ListingUnreadable

_is_table = re.compile(r"[!-~]{1,64}").fullmatch


def field_rows(reply: Any, name: str) -> list[dict[str, Any]]:
    """A list of objects. Raises ListingUnreadable."""
    rows = reply.get(name) if isinstance(reply, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ListingUnreadable(f"no complete list of {name}")
    return rows


def field_text(row: dict[str, Any], name: str) -> str:
    """A text, or a number as one. Raises ListingUnreadable."""
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ListingUnreadable(f"{name} is missing")
    return str(value)


def table_name(row: dict[str, Any], name: str) -> str:
    """A location table's name, which is part of snapshots' ids. Raises ListingUnreadable."""
    value = field_text(row, name)
    if not _is_table(value):
        raise ListingUnreadable(f"not a table's name: {value[:80]!r}")
    return value
