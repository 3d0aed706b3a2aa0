"""From destroyed sockets and dumps to what has changed: ended, suspect, recovered. Pure.

The watcher feeds it in the order in which things were read, asks the kernel what it wants to know,
and publishes the changes. Times named `now` are seconds of one monotonic clock.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from producers.sockets import netlink, tcp_info
from producers.sockets.known_connections import KnownConnection, KnownConnections
from producers.sockets.netlink import Socket
from producers.sockets.suspicion import Suspicion
from schemas.vocabulary import ConnectionKind as Kind


class Destroyed(NamedTuple):
    """A socket that the kernel has destroyed; `at` is when it was read, seconds since the epoch."""

    socket: Socket
    at: float


class Change(NamedTuple):
    """What to publish about a connection; `at` None: it was found out just now."""

    kind: Kind
    socket: Socket
    reason: str | None = None
    at: float | None = None


class Missing(NamedTuple):
    """A connection that a dump did not show; `reason`: why it ended, if that is known already."""

    cookie: int
    connection: KnownConnection
    reason: str | None


@dataclass(slots=True)
class ConnectionTracker:
    """Reports each end once, whichever source shows it first.

    `ports` are the server's; `missing_after`: seconds in which a notification may follow a dump.
    The kernel's own thread sends it, which waits for a core as others do
    (sock_diag_broadcast_destroy, net/core/sock_diag.c).
    """

    ports: Collection[int]
    suspicion: Suspicion
    missing_after: float
    connections: KnownConnections = field(default_factory=KnownConnections)
    # When to ask about a missing connection, and the reason of its end where it is known.
    _missing: dict[int, tuple[float, str | None]] = field(default_factory=dict)

    @property
    def has_missing(self) -> bool:
        return bool(self._missing)

    def destroyed(self, destroyed: Iterable[Destroyed]) -> tuple[list[Change], list[Socket]]:
        """The ends, and the sockets that are no connection known here: listening ones, mostly."""
        changes: list[Change] = []
        others: list[Socket] = []
        for one, at in destroyed:
            socket = self.connections.with_ends(one)
            if socket is None:
                others.append(one)
            elif socket.local_port in self.ports:
                info = tcp_info.parse(socket.info)
                suspect = self.suspicion.suspects.get(socket.cookie)
                kind = tcp_info.end_of(info, suspect.info if suspect else None)
                changes += self._end(Change(kind, socket, None, at))
        return changes, others

    def dumped(
        self, sockets: Iterable[Socket], now: float, missing_reason: str | None
    ) -> tuple[list[Change], set[int]]:
        """The ends that a dump shows, and the cookies of connections to measure (`measured`).

        A connection that is missing from it is asked about later (`due`), for its notification may
        be on the way; `missing_reason`: of its end, where a notification may not show it. Then
        nothing is waited for.
        """
        difference = self.connections.compare(sockets)
        changes = [change for one in difference.closing for change in self._one_sided(one)]
        for cookie in difference.missing:
            if missing_reason is not None:
                self._missing[cookie] = now, missing_reason
            else:
                self._missing.setdefault(cookie, (now + self.missing_after, None))
        in_trouble = {socket.cookie for socket in difference.in_trouble}
        return changes, (in_trouble | self.suspicion.suspects.keys()) - self._missing.keys()

    def due(self, now: float) -> list[Missing]:
        """Missing connections to ask the kernel about: a notification would have come by now.

        To be called when all notifications that were read are taken.
        """
        due = []
        for cookie, (at, reason) in list(self._missing.items()):
            if at > now:
                continue
            del self._missing[cookie]
            if known := self.connections.known.get(cookie):
                due.append(Missing(cookie, known, reason))
        return due

    def asked(self, missing: Missing, found: Socket | None) -> list[Change]:
        """What the kernel's answer about a missing connection means: a dump may skip a live one."""
        if found is not None and found.state in netlink.ENDING:
            return self._one_sided(found)
        if found is not None and found.cookie == missing.cookie:
            return []
        family, ends = missing.connection
        socket = Socket(family, 0, 0, 0, ends, missing.cookie, 0, b"")
        # There was no FIN, or the kernel would still have it: it was reset, or timed out if it was
        # suspect. Where notifications were lost, the cause is not known.
        if missing.cookie in self.suspicion.suspects:
            reason = missing.reason or "missing from a dump while suspect"
            return self._end(Change(Kind.TIMED_OUT, socket, reason))
        if missing.reason:
            return self._end(Change(Kind.CLOSED, socket, missing.reason))
        reason = "missing from a dump, not closed by the server"
        return self._end(Change(Kind.RESET, socket, reason))

    def measured(self, socket: Socket, now: float) -> list[Change]:
        """Whether a connection became suspect, or recovered, by its counters (`socket.info`)."""
        info = tcp_info.parse(socket.info)
        if info is None:
            return []
        is_suspect = self.suspicion.update(socket.cookie, info, now)
        if is_suspect is None:
            return []
        if is_suspect:
            return [Change(Kind.SUSPECT, socket, _describe(info))]
        return [Change(Kind.RECOVERED, socket)]

    def _one_sided(self, socket: Socket) -> list[Change]:
        by_peer = socket.state == netlink.CLOSE_WAIT
        reason = "closed by the client, not by the server" if by_peer else "closed by the server"
        return self._end(Change(Kind.CLOSED, socket, reason))

    def _end(self, change: Change) -> list[Change]:
        cookie = change.socket.cookie
        self.suspicion.forget(cookie)
        self._missing.pop(cookie, None)
        return [change] if self.connections.end(cookie) else []


def _describe(info: tcp_info.TcpInfo) -> str:
    return (
        f"{info.retransmits} retransmissions, {info.probes} probes, {info.unacked} segments "
        f"unacknowledged, last ACK {info.last_ack_recv} ms ago"
    )
