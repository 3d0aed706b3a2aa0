"""What one node answers in an audit: the bindings it lists, and the connections it has."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas.origin import Address
from schemas.registration import RegistrationEvent

Peer = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Row:
    """A listed binding. `disconnected`: its connection is not in the server's own list."""

    event: RegistrationEvent
    disconnected: bool = False


@dataclass(frozen=True, slots=True)
class UnreadableRow:
    """A row that does not fit an event: the producer writes a dead letter for it."""

    aor: str
    contact: str
    reason: str


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything one node lists. `at` is by the clock that its rows' expiries use."""

    node: str
    at: datetime
    rows: list[Row]
    unreadable: Sequence[UnreadableRow] = ()
    # The profiles that were asked for; None means all.
    profiles: frozenset[str] | None = None
    # Cookies of the connections in the node's kernel, by peer; None if it was not asked.
    connections: Mapping[Peer, int] | None = None
    # Peers of the connections that the server itself lists; None if it gives no such list.
    peers: frozenset[Peer] | None = None
    # Its own ends of connections, and the host it was asked at: a Path names it by these.
    own: frozenset[Peer] = frozenset()
    host: str | None = None
    # A proxy without a location table lists only connections.
    has_table: bool = True
    # AOR and contact of rows that the server still has, but treats as expired.
    expired: frozenset[tuple[str, str]] = frozenset()

    def has_connection(self, remote: Address | None) -> bool | None:
        """Whether there is a connection from there, by the kernel, else by the server's own list.

        None where neither is known.
        """
        known: Collection[Peer] | None = self.peers
        if self.connections is not None:
            known = self.connections
        if known is None or remote is None:
            return None
        return (remote.ip, remote.port) in known

    def cookie(self, remote: Address | None) -> int | None:
        """The cookie of the connection from there, if the kernel was asked and has one."""
        if self.connections is None or remote is None:
            return None
        return self.connections.get((remote.ip, remote.port))


def connection_ended(listing: Listing, row: Row) -> bool:
    """Whether the connection that the row was registered over is known to be gone."""
    event = row.event
    if row.disconnected:
        return True
    if listing.connections is None or event.remote is None:
        return False
    if event.transport is None or not event.transport.is_connection:
        return False
    return listing.cookie(event.remote) is None
