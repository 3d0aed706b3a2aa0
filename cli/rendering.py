"""Presence for people: lines, and a table that fits the terminal."""

import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.layout import Column, lay_out
from schemas import codec
from schemas.presence import Presence
from schemas.vocabulary import Status

STYLES = {
    "offline": "dim",
    "online": "green",
    "ringing": "yellow",
    "on-the-phone": "cyan",
    "held": "magenta",
}
_COLUMNS = (
    Column("user", least=8),
    Column("status"),
    Column("on node", least=6, rank=1),
    Column("why", least=8),
    Column("since (UTC)", rank=2),
)


def as_json(presence: Presence) -> dict[str, Any]:
    """The record as subscribers read it from Kafka."""
    found: dict[str, Any] = json.loads(codec.encode(presence))
    return found


def as_line(presence: Presence) -> str:
    """One line: time, user, status, cause of the change, where."""
    where = nodes(presence) or "nowhere"
    at = presence.at.astimezone(UTC).strftime("%H:%M:%S.%f")[:-3]
    return f"{at}  {presence.aor}  {presence.status}  ({presence.cause})  {where}"


def as_table(presences: Iterable[Presence], width: int, now: datetime) -> Table:
    """A table of users, sorted by AOR; the domain is left out where all have the same."""
    users = sorted(presences, key=lambda p: p.aor)
    domain = shared_domain(users)
    rows: list[list[Text | str]] = [
        [
            user(presence, domain),
            status(presence),
            nodes(presence) or "-",
            why(presence),
            moment(since(presence), now),
        ]
        for presence in users
    ]
    return lay_out(_COLUMNS, rows, width)


def shared_domain(presences: Iterable[Presence]) -> str | None:
    """The domain of all the users, if there is but one and it is not only one user's."""
    users = list(presences)
    domains = {presence.aor.rpartition("@")[2] for presence in users}
    return domains.pop() if len(domains) == 1 and len(users) > 1 else None


def user(presence: Presence, domain: str | None) -> str:
    """The AOR without what all have in common."""
    name = presence.aor.removeprefix("sip:")
    return name.removesuffix(f"@{domain}") if domain else name


def status(presence: Presence) -> Text:
    """In its colour."""
    return Text(str(presence.status), style=STYLES.get(presence.status, ""))


def why(presence: Presence) -> str:
    """Why the state is what it is. The last change's cause may be another device's."""
    if not presence.reachable:
        # Out of reach and not offline: in the grace window, or in a call.
        if presence.calls:
            return f"in a call; {presence.cause}"
        return f"{presence.cause}{'' if presence.status is Status.OFFLINE else ', in grace'}"
    if all(binding.stale for binding in presence.bindings):
        return "registered, stale"
    if all(binding.suspect for binding in presence.bindings):
        return "registered, suspect"
    return "registered"


def since(presence: Presence) -> datetime:
    """When that state began: of the call, else of the oldest binding, else of the last change."""
    if presence.calls:
        return presence.calls[0].since
    return presence.bindings[0].since if presence.reachable else presence.at


def moment(at: datetime, now: datetime) -> str:
    """The time of day in UTC, after the date where that is not today's."""
    at = at.astimezone(UTC)
    if at.date() == now.astimezone(UTC).date():
        return at.strftime("%H:%M:%S")
    return at.strftime("%Y-%m-%d %H:%M")


def nodes(presence: Presence) -> str:
    """The nodes with the user's bindings: `fs-1, fs-2 ×3`; empty if there is none."""
    devices = Counter(binding.node for binding in presence.bindings)
    return ", ".join(f"{n} ×{c}" if c > 1 else n for n, c in sorted(devices.items()))
