"""Which connections are known, and which ends have been told: each is told once. Pure."""

from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from producers.sockets import netlink
from producers.sockets.netlink import Socket

# Ends remembered, so that a dump, a late notification or a slow server does not tell them again.
_TOLD_MAX = 200_000


class KnownConnection(NamedTuple):
    """A connection that was seen alive: how to ask about it, and who it is with."""

    family: int
    ends: bytes


class DumpDifference(NamedTuple):
    """What a dump shows that was not known."""

    closing: list[Socket]  # alive for the kernel, but one side has closed
    missing: list[int]  # cookies of connections that are not there any more
    in_trouble: list[Socket]  # retransmissions or probes are running


@dataclass(slots=True)
class KnownConnections:
    """Keyed by cookie: a connection's only name that nothing else ever has."""

    known: dict[int, KnownConnection] = field(default_factory=dict)
    told: OrderedDict[int, None] = field(default_factory=OrderedDict)

    def tell(self, cookie: int) -> bool:
        """Note an end; False when it has been told already."""
        self.known.pop(cookie, None)
        if cookie in self.told:
            return False
        self.told[cookie] = None
        if len(self.told) > _TOLD_MAX:
            self.told.popitem(last=False)
        return True

    def whole(self, socket: Socket) -> Socket | None:
        """A destroyed socket with both its ends; None when it is no connection known here.

        A server that closes with SO_LINGER 0 has its peer's address wiped before the kernel tells:
        it looks like a listening socket, and only the cookie says which connection it was.
        """
        if socket.remote_port:
            return socket
        known = self.known.get(socket.cookie)
        return socket._replace(family=known.family, ends=known.ends) if known else None

    def compare(self, dump: Iterable[Socket]) -> DumpDifference:
        """Take a full dump as what there is, and say what that changes."""
        news = DumpDifference([], [], [])
        alive: dict[int, KnownConnection] = {}
        told = self.told
        for socket in dump:
            if socket.state == netlink.LISTEN:
                continue
            if socket.cookie in told:
                continue
            if socket.state in netlink.ENDING:
                news.closing.append(socket)
            else:
                alive[socket.cookie] = KnownConnection(socket.family, socket.ends)
                if socket.retransmits:
                    news.in_trouble.append(socket)
        closing = {socket.cookie for socket in news.closing}
        for cookie, known in self.known.items():
            if cookie not in alive and cookie not in closing:
                news.missing.append(cookie)
                alive[cookie] = known  # until it is told
        self.known = alive
        return news
