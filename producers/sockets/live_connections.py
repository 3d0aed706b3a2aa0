"""Which clients are connected now? One dump, for a producer whose server keeps no table to list,
and for the audit.

For processes that share the SIP server's network namespace.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from producers.sockets import netlink
from producers.sockets.kernel import Kernel


@dataclass(slots=True)
class LiveConnections:
    """Of the `ports` asked about: `cookies` of each peer's connection, `own` ends of the server.

    `listens`: somebody does on one of them.
    """

    ports: frozenset[int]
    listens: bool = False
    cookies: dict[tuple[str, int], int] = field(default_factory=dict)
    own: set[tuple[str, int]] = field(default_factory=set)


def live_connections(ports: Collection[int]) -> LiveConnections:
    """Connections that both sides hold open. Raises KernelRefuses, QueryFailed."""
    found = LiveConnections(frozenset(ports))
    kernel = Kernel()
    try:
        states = 1 << netlink.ESTABLISHED | 1 << netlink.LISTEN
        for socket in kernel.dump(netlink.of_ports(sorted(ports)), states):
            if socket.local_port not in ports:
                continue
            if any(socket.ends[4:20]):  # not a listener on all addresses
                found.own.add((socket.local.ip, socket.local.port))
            if socket.state == netlink.LISTEN:
                found.listens = True
            elif socket.state == netlink.ESTABLISHED:
                found.cookies[(socket.remote.ip, socket.remote.port)] = socket.cookie
    finally:
        kernel.close()
    return found


def listening_ports(ports: Collection[int]) -> set[int]:
    """On which of these ports somebody listens here. Raises KernelRefuses, QueryFailed."""
    if not ports:
        return set()
    kernel = Kernel()
    try:
        found = kernel.dump(netlink.of_ports(sorted(ports)), 1 << netlink.LISTEN)
        return {socket.local_port for socket in found} & set(ports)
    finally:
        kernel.close()
