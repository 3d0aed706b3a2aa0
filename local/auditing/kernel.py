"""The kernel's word in an audit: which connections to the SIP ports live, where it runs beside."""

from collections.abc import Mapping
from typing import NamedTuple

from local.auditing.listing import Peer
from producers.sockets import netlink
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from runtime import logs

log = logs.get(__name__)


class Connections(NamedTuple):
    """Peer → cookie of each established connection, and the server's own ends and listeners."""

    by_peer: Mapping[Peer, int]
    own: frozenset[Peer]


def connections_to(ports: list[int]) -> Connections | None:
    """The established connections to these local ports.

    None where nobody listens on them here, or the kernel cannot be asked: conclude nothing.
    """
    states = 1 << netlink.ESTABLISHED | 1 << netlink.LISTEN
    try:
        kernel = Kernel()
        try:
            sockets = kernel.dump(netlink.of_ports(ports), states)
        finally:
            kernel.close()
    except (KernelRefuses, QueryFailed) as error:
        log.warning("audited without the kernel", reason=str(error))
        return None
    if not any(socket.state == netlink.LISTEN for socket in sockets):
        return None
    by_peer = {
        (socket.remote.ip, socket.remote.port): socket.cookie
        for socket in sockets
        if socket.state == netlink.ESTABLISHED
    }
    return Connections(by_peer, frozenset((one.local.ip, one.local.port) for one in sockets))
