"""Which node is the edge that a Path names? Pure.

Presence names a device's edge only where the edge's own producer reported the client. Where that
producer was away, the registrar's Path is all there is, and the node must be found by its URI.
"""

from collections.abc import Mapping

from operate.audit.listing import Listing, Peer
from producers.uri_addresses import canonical_ip
from schemas.path import nearest
from schemas.presence import PresenceBinding


class Edges:
    """Of one comparison. `learn` first from all that presence shows."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._learned: dict[Peer, set[str]] = {}

    def learn(self, shown: PresenceBinding) -> None:
        """Other devices' Paths tell it, where presence knows their edge."""
        place = _place(shown.path) if shown.edge is not None else None
        if place is not None and shown.edge is not None:
            self._learned.setdefault(place, set()).add(shown.edge)

    def of(self, path: str | None, behind: str) -> set[str]:
        """The nodes that may be the client's edge before the node `behind`; empty: not known.

        As other devices show, else by the servers' own ends of connections, else by the host under
        which an audited proxy was asked.
        """
        place = _place(path)
        if place is None:
            return set()
        if learned := self._learned.get(place):
            return set(learned)
        others = [one for one in self._listings.values() if one.node != behind]
        if own := {one.node for one in others if place in one.own}:
            return own
        hosts = [one for one in others if one.host == place[0]]
        return {one.node for one in hosts if not one.has_table} or {one.node for one in hosts}


def _place(path: str | None) -> Peer | None:
    uri = nearest(path) if path is not None else None
    if uri is None:
        return None
    default = 5061 if uri.parameters.get("transport", "") == "tls" or uri.scheme == "sips" else 5060
    return canonical_ip(uri.host) or uri.host.lower(), uri.port or default
