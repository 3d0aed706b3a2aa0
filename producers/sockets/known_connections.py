"""Which connections were seen alive, and whose end was reported: each is reported once. Pure."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from producers.sockets import netlink
from producers.sockets.netlink import Socket

# Ends that are remembered: a dump, a late notification or a slow server may show one again.
_ENDED_MAX = 200_000


class KnownConnection(NamedTuple):
    """A connection that was seen alive: what a query about it needs."""

    family: int
    ends: bytes


class DumpDifference(NamedTuple):
    """What a dump shows that was not known before."""

    closing: list[Socket]  # the kernel still has it, but one side has closed
    missing: list[int]  # cookies of connections that are not there any more
    in_trouble: list[Socket]  # retransmissions or probes are running


@dataclass(slots=True)
class KnownConnections:
    """Connections by cookie, which is the only name that no other connection ever has."""

    known: dict[int, KnownConnection] = field(default_factory=dict)
    ended: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def end(self, cookie: int) -> bool:
        """Note an end; False when it was noted before."""
        self.known.pop(cookie, None)
        if cookie in self.ended:
            return False
        self.ended[cookie] = None
        if len(self.ended) > _ENDED_MAX:
            self.ended.popitem(last=False)
        return True

    def with_ends(self, socket: Socket) -> Socket | None:
        """A destroyed socket with both its addresses; None when it is no connection known here.

        When a server closes with SO_LINGER 0, the kernel wipes the peer's address before it
        notifies: the socket looks like a listening one, and only its cookie names the connection.
        """
        if socket.remote_port:
            return socket
        known = self.known.get(socket.cookie)
        return socket._replace(family=known.family, ends=known.ends) if known else None

    def compare(self, dump: Iterable[Socket]) -> DumpDifference:
        """Take a full dump as what exists, and return what that changes."""
        difference = DumpDifference([], [], [])
        alive: dict[int, KnownConnection] = {}
        ended = self.ended
        for socket in dump:
            if socket.state == netlink.LISTEN or socket.cookie in ended:
                continue
            if socket.state in netlink.ENDING:
                difference.closing.append(socket)
            else:
                alive[socket.cookie] = KnownConnection(socket.family, socket.ends)
                if socket.retransmits:
                    difference.in_trouble.append(socket)
        closing = {socket.cookie for socket in difference.closing}
        for cookie, known in self.known.items():
            if cookie not in alive and cookie not in closing:
                difference.missing.append(cookie)
                alive[cookie] = known  # until its end is reported
        self.known = alive
        return difference
