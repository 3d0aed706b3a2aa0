"""Finds the node that is the edge named in a Path. Pure.

Presence names a device's edge only where the edge's own producer reported the client. While that
producer was down, only the registrar's Path names the edge, and the node is found by its URI.
"""

from collections.abc import Mapping

from operate.audit.listing import Listing, Peer
from producers.uri_addresses import canonical_ip
from schemas.path import nearest
from schemas.presence import PresenceBinding


class Edges:
    """The edges of one comparison. First `add` every binding that presence shows."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self._by_place: dict[Peer, set[str]] = {}

    def add(self, shown: PresenceBinding) -> None:
        """Remember the edge of a Path where presence has both."""
        place = _place(shown.path) if shown.edge is not None else None
        if place is not None and shown.edge is not None:
            self._by_place.setdefault(place, set()).add(shown.edge)

    def of(self, path: str | None, behind: str) -> set[str]:
        """The nodes that may be the client's edge before the node `behind`; empty if not known.

        By the Paths of other devices, else by the servers' own ends of connections, else by the
        host at which an audited proxy was asked.
        """
        place = _place(path)
        if place is None:
            return set()
        if known := self._by_place.get(place):
            return set(known)
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
