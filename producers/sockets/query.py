"""Which connection a REGISTER came on: producers ask at each REGISTER, in microseconds.

For producers that share the SIP server's network namespace. A registrar names only the peer: where
the local end is not given, those found before are tried, then all connections to the peer.
"""

import time
from collections.abc import Collection
from dataclasses import dataclass

from producers.sockets import netlink, netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from producers.sockets.tcp_info import TcpInfo, parse
from schemas.origin import Address

_LOCALS_MAX = 8
_WALK_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Found:
    """The connection lives. `local` is the server's end."""

    cookie: int
    local: Address


@dataclass(frozen=True, slots=True)
class Gone:
    """There is no such connection, or one side has closed it: `closing` while the kernel has it."""

    closing: bool = False


@dataclass(frozen=True, slots=True)
class Unknown:
    """The kernel could not be asked, for this `reason`."""

    reason: str


Answer = Found | Gone | Unknown


class ConnectionQuery:
    """Asks about connections to some ports of one server, or to any port when there are none."""

    def __init__(self, ports: Collection[int] = ()) -> None:
        """Raises KernelRefuses."""
        self._kernel = Kernel()
        self._ports = frozenset(ports)
        self._locals: list[tuple[int, bytes]] = []  # family, port and address; last used first
        self._locals_complete = False
        self._walk_not_before = 0.0

    def close(self) -> None:
        self._kernel.close()

    def cookie_of(self, local: Address | None, remote: Address, *, walk: bool = True) -> Answer:
        """The kernel's cookie of the connection between the server and `remote`.

        About 10 µs where the local end is given or guessed right. Else one walk over the kernel's
        table of connections, milliseconds where it holds many; so walks take at most a tenth of
        a core, and what would be more is Unknown, as without `walk`.
        """
        try:
            socket = self._exact(local, remote) if local else self._search(remote, walk)
        except (KernelRefuses, QueryFailed, ValueError) as error:
            return Unknown(str(error))
        if socket is None or socket.state != netlink.ESTABLISHED:
            return Gone(closing=socket is not None)
        return Found(socket.cookie, socket.local)

    def info_of(self, local: Address, remote: Address, cookie: int) -> TcpInfo | None:
        """The counters of one incarnation; None when it is gone or cannot be asked about."""
        try:
            family, ends = netlink.ends_of(local, remote)
            socket = self._kernel.exact(family, ends, cookie, info=True)
        except (KernelRefuses, QueryFailed, ValueError):
            return None
        return parse(socket.info) if socket else None

    def listens(self) -> bool:
        """Whether a server listens on one of the ports here; learns the local ends from it.

        Raises KernelRefuses, QueryFailed.
        """
        condition = netlink_requests.of_ports(sorted(self._ports))
        listeners = self._kernel.dump(condition, 1 << netlink.LISTEN)
        for one in listeners:
            if not _is_wildcard(one):
                self._learn(one)
        self._locals_complete = 0 < len(listeners) <= _LOCALS_MAX and not any(
            _is_wildcard(one) or one.device for one in listeners
        )
        return bool(listeners)

    def _exact(self, local: Address, remote: Address) -> Socket | None:
        family, ends = netlink.ends_of(local, remote)
        socket = self._kernel.exact(family, ends)
        # The kernel answers with the listening socket when there is no connection.
        return socket if socket and socket.remote_port == remote.port else None

    def _search(self, remote: Address, walk: bool) -> Socket | None:
        family, address = netlink.packed(remote.ip)
        port = remote.port.to_bytes(2, "big")
        closing = None
        for index, (of_family, ends) in enumerate(self._locals):
            if of_family != family:
                continue
            socket = self._kernel.exact(family, ends[:2] + port + ends[2:] + address)
            if socket and socket.state == netlink.ESTABLISHED:
                self._locals.insert(0, self._locals.pop(index))
                return socket
            if socket and socket.remote_port == remote.port:
                closing = socket
        if self._locals_complete:
            return closing
        if not walk or time.monotonic() < self._walk_not_before:
            raise QueryFailed("not at a known local address, and the table is not walked now")
        # The thread's own time, in which the kernel searches: waiting for a core is no cost of it.
        began = time.thread_time()
        found = self._walk(remote)
        cost = time.thread_time() - began
        self._walk_not_before = time.monotonic() + cost / _WALK_SHARE
        return found or closing

    def _walk(self, remote: Address) -> Socket | None:
        """Search the kernel's table: the only way to a socket bound to a device, or to a local end
        that was not seen before."""
        found = None
        for socket in self._kernel.of_peer(remote):
            if self._ports and socket.local_port not in self._ports:
                continue
            if found is None or socket.state == netlink.ESTABLISHED:
                found = socket
        if found is not None:
            self._learn(found)
        return found

    def _learn(self, socket: Socket) -> None:
        family, address = netlink.packed(socket.local.ip)
        entry = (family, socket.local_port.to_bytes(2, "big") + address)
        self._locals = [entry, *(one for one in self._locals if one != entry)][:_LOCALS_MAX]


def _is_wildcard(listener: Socket) -> bool:
    return not any(listener.ends[4:20])
