"""Which clients are connected now: one dump, for a producer whose server has no table to list.

The audit asks the same. For processes that share the SIP server's network namespace.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from producers.sockets import netlink, netlink_requests
from producers.sockets.kernel import Kernel


@dataclass(slots=True)
class LiveConnections:
    """Connections to `ports`: the `cookies` by peer, and the server's `own` addresses.

    `listens`: whether a process listens on one of the ports.
    """

    ports: frozenset[int]
    listens: bool = False
    cookies: dict[tuple[str, int], int] = field(default_factory=dict)
    own: set[tuple[str, int]] = field(default_factory=set)


def live_connections(ports: Collection[int]) -> LiveConnections:
    """List the connections that both sides hold open. Raises KernelRefuses, QueryFailed."""
    found = LiveConnections(frozenset(ports))
    kernel = Kernel()
    try:
        states = 1 << netlink.ESTABLISHED | 1 << netlink.LISTEN
        for socket in kernel.dump(netlink_requests.of_ports(sorted(ports)), states):
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
    """Those of the ports on which a process listens here. Raises KernelRefuses, QueryFailed."""
    if not ports:
        return set()
    kernel = Kernel()
    try:
        found = kernel.dump(netlink_requests.of_ports(sorted(ports)), 1 << netlink.LISTEN)
        return {socket.local_port for socket in found} & set(ports)
    finally:
        kernel.close()
