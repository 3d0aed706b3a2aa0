"""Prints presence for people: lines and tables."""

import json
from collections import Counter
from datetime import UTC
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from schemas import codec
from schemas.presence import Presence

STYLES = {
    "offline": "dim",
    "online": "green",
    "ringing": "yellow",
    "on-the-phone": "cyan",
    "held": "magenta",
}


def as_json(presence: Presence) -> dict[str, Any]:
    """The record as subscribers read it from Kafka."""
    found: dict[str, Any] = json.loads(codec.encode(presence))
    return found


def as_line(presence: Presence) -> str:
    """One line: time, user, status, cause, where."""
    where = nodes(presence) or "nowhere"
    at = presence.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{at}  {presence.aor}  {presence.status}  ({presence.cause})  {where}"


def as_table(presences: list[Presence], title: str = "") -> Table:
    """A table of users, sorted by AOR."""
    table = Table(title=title, box=SIMPLE_HEAD, pad_edge=False)
    for column in ("user", "status", "on node", "why", "since (UTC)"):
        table.add_column(column, overflow="fold")
    for presence in sorted(presences, key=lambda p: p.aor):
        style = STYLES.get(presence.status, "")
        table.add_row(
            presence.aor,
            f"[{style}]{presence.status}[/]" if style else str(presence.status),
            nodes(presence) or "-",
            str(presence.cause),
            presence.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3],
        )
    return table


def nodes(presence: Presence) -> str:
    """The nodes with the user's bindings: `fs-1, fs-2 ×3`; empty if there is none."""
    devices = Counter(binding.node for binding in presence.bindings)
    return ", ".join(f"{n} ×{c}" if c > 1 else n for n, c in sorted(devices.items()))
