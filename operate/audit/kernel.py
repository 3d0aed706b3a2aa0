"""Asks the kernel for the connections to a node's SIP ports, where the audit runs on its host."""

from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, live_connections
from runtime import logs

log = logs.get(__name__)


def connections_to(ports: list[int]) -> LiveConnections | None:
    """The established connections to these local ports.

    None where no process listens on them here, or the kernel cannot be asked: nothing is known.
    """
    try:
        found = live_connections(ports)
    except (KernelRefuses, QueryFailed) as error:
        log.warning("audit: kernel not asked for connections", reason=str(error))
        return None
    return found if found.listens else None
