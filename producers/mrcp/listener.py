"""Whether the MRCP server lives: whether anyone listens on its MRCPv2 port.

A killed server logs nothing, so the kernel is asked (sock_diag, without a connection, which the
server would log). It must run in this network namespace.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from producers.sockets import netlink, netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from runtime import logs

log = logs.get(__name__)

# A server that restarts, or a listing that missed it, is not gone.
ABSENT_FOR = timedelta(seconds=3)


class Listener:
    """`asked`: whether anyone listens; None: not known. Injected in tests."""

    def __init__(self, port: int | None, asked: Callable[[], bool | None] | None = None) -> None:
        self._asked = asked or (_KernelListing(port) if port is not None else _unknown)
        self._port = port
        self._absent_since: datetime | None = None
        self.is_there: bool | None = None

    def is_lost(self, now: datetime, logged: datetime | None) -> bool:
        """Whether the server is gone. `logged`: the time of the log's last entry.

        A log that goes on without a listener is another server's: then the port is no evidence.
        """
        self.is_there = self._asked()
        if self.is_there is not False:
            self._absent_since = None
            return False
        self._absent_since = self._absent_since or now
        if logged is not None and logged > self._absent_since + timedelta(seconds=1):
            log.error("the log goes on, but nobody listens: wrong mrcp.port", port=self._port)
            self._asked, self.is_there = _unknown, None
            return False
        return now - self._absent_since >= ABSENT_FOR


class _KernelListing:
    def __init__(self, port: int) -> None:
        self._ports = netlink_requests.of_ports([port])
        self._kernel: Kernel | None = None
        self._failure_logged = False

    def __call__(self) -> bool | None:
        try:
            self._kernel = self._kernel or Kernel()
            return bool(self._kernel.dump(self._ports, 1 << netlink.LISTEN))
        except (KernelRefuses, QueryFailed) as error:
            if not self._failure_logged:
                self._failure_logged = True
                log.warning("the end of the MRCP server cannot be seen", detail=str(error))
            return None


def _unknown() -> None:
    return None
