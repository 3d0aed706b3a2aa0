"""Edge listings: all clients' connections of an edge at one moment, assembled from records.

An edge without a location table lists its connections. The newest listing of each edge is kept, to
be joined with what a registrar reports late (streams/folds/listed_before.py).
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from operator import itemgetter

from streams.models import Address, RegistrationEvent

Peer = tuple[str, int]
_COOKIE_BITS = (1 << 64) - 1


class PackedConnections(Mapping[Peer, int | None]):
    """A mapping of peers to cookies in 16 bytes a connection: every partition keeps one an edge.

    Peers are kept as hashes of 64 bits, so they cannot be iterated.
    """

    def __init__(self, connections: Mapping[Peer, int | None]) -> None:
        entries = sorted(
            ((hash(peer), (cookie or 0) & _COOKIE_BITS) for peer, cookie in connections.items()),
            key=itemgetter(0),
        )
        self._hashes = array("q", (entry[0] for entry in entries))
        self._cookies = array("Q", (entry[1] for entry in entries))

    def __getitem__(self, peer: Peer) -> int | None:
        wanted = hash(peer)
        place = bisect_left(self._hashes, wanted)
        if place == len(self._hashes) or self._hashes[place] != wanted:
            raise KeyError(peer)
        return self._cookies[place] or None

    def __len__(self) -> int:
        return len(self._hashes)

    def __iter__(self) -> Iterator[Peer]:
        raise TypeError("the peers are not kept, only their hashes")


@dataclass(slots=True)
class EdgeListing:
    """All clients' connections that lived at a node at one moment: peer address to cookie.

    `hosts`: the names by which Paths may name the node. `gap`: the times, by the node's clock,
    between which its own events are missing.
    """

    event: RegistrationEvent
    connections: Mapping[Peer, int | None] = field(default_factory=dict)
    hosts: set[str] = field(default_factory=set)
    gap: tuple[datetime, datetime] | None = None

    def has(self, remote: Address, cookie: int | None) -> bool:
        """Whether a connection from `remote` is listed, with this cookie if both are known."""
        address = remote.ip, remote.port
        if address not in self.connections:
            return False
        return cookie is None or self.connections[address] in (None, cookie)


class EdgeListings:
    """The listing of each edge that is being read, and the newest complete one.

    A worker that starts in the middle of a listing never completes it: the next listing decides.
    """

    def __init__(self) -> None:
        self._open: dict[str, tuple[int, dict[Peer, int | None], EdgeListing]] = {}
        self.kept: dict[str, EdgeListing] = {}

    def add(self, event: RegistrationEvent) -> EdgeListing | None:
        """Add one record; return the listing if it is complete."""
        part, connections, listing = self._open.pop(event.node, (0, {}, EdgeListing(event)))
        if event.part == 0 or listing.event.snapshot != event.snapshot:
            part, connections, listing = 0, {}, EdgeListing(event)
        if event.part != part or event.connections is None:
            return None
        for one in event.connections:
            connections[(one.remote.ip, one.remote.port)] = one.cookie
        listing.hosts.update(event.hosts or ())
        if part + 1 < event.parts:
            self._open[event.node] = part + 1, connections, listing
            return None
        listing.connections = connections
        return listing

    def keep(self, listing: EdgeListing) -> None:
        """Keep the listing for late reports, with the last known gap of the edge's events."""
        event = copy(listing.event)
        event.connections = None
        before = self.kept.get(event.node)
        gap = listing.gap or (before.gap if before is not None else None)
        packed = PackedConnections(listing.connections)
        self.kept[event.node] = EdgeListing(event, packed, listing.hosts, gap)
