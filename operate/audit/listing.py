"""What one node says when an audit asks it: the bindings it lists, the connections that live."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.origin import Address
from schemas.registration import RegistrationEvent

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A binding listed. `ended`: the server's own list of connections does not show its own."""

    event: RegistrationEvent
    ended: bool = False


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that no event can be made of: the producer makes a dead letter of it."""

    aor: str
    contact: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything one node lists. `at` is by the clock that its rows' expiries are in."""

    node: str
    at: datetime
    rows: list[Row]
    unreadable: Sequence[UnreadableRow] = ()
    # The profiles that were asked for, where not all are; None: the listing is of everything.
    profiles: frozenset[str] | None = None
    # Cookies of the connections the node's kernel has, by the peer; None: it was not asked.
    connections: Mapping[Peer, int] | None = None
    # The peers of the connections that the server itself lists; None: it lists none to us.
    peers: frozenset[Peer] | None = None
    # Its own ends of connections, and where it was asked: by these a Path names it.
    own: frozenset[Peer] = frozenset()
    host: str | None = None
    # Of a proxy without a location table nothing is listed but connections.
    has_table: bool = True
    # AOR and contact of rows that the server still has and counts on no more.
    expired: frozenset[tuple[str, str]] = frozenset()

    def lives(self, remote: Address | None) -> bool | None:
        """Whether there is a connection from there, by the kernel, else by the server's own list.

        None: neither was to be had.
        """
        known: Collection[Peer] | None = self.peers
        if self.connections is not None:
            known = self.connections
        if known is None or remote is None:
            return None
        return (remote.ip, remote.port) in known

    def cookie(self, remote: Address | None) -> int | None:
        """Of the connection from there, where the kernel was asked and knows one."""
        if self.connections is None or remote is None:
            return None
        return self.connections.get((remote.ip, remote.port))


def has_ended(listing: Listing, row: Row) -> bool:
    """Whether the connection the row was registered over is known to be gone."""
    event = row.event
    if row.ended:
        return True
    if listing.connections is None or event.remote is None:
        return False
    if event.transport is None or not event.transport.is_connection:
        return False
    return listing.cookie(event.remote) is None
