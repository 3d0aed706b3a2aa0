"""What the kernel shows an audit: which connections to the SIP ports live, where it runs beside."""

from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, live_connections
from runtime import logs

log = logs.get(__name__)


def connections_to(ports: list[int]) -> LiveConnections | None:
    """The established connections to these local ports.

    None where nobody listens on them here, or the kernel cannot be asked: conclude nothing.
    """
    try:
        found = live_connections(ports)
    except (KernelRefuses, QueryFailed) as error:
        log.warning("audited without the kernel", reason=str(error))
        return None
    return found if found.listens else None
