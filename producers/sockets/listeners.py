"""The server's listening sockets: when the last one of a port is gone, so is the server.

A process that dies closes every connection at once, which looks like all its clients leaving.
"""

import time
from collections.abc import Iterable

from producers.sockets import netlink, netlink_requests
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from runtime import logs, metrics

log = logs.get(__name__)

_ASK_AGAIN_SECONDS = 0.1


class Listeners:
    """The listening sockets of the watched ports, by cookie: several may share one port."""

    def __init__(self, node: str, ports: Iterable[int], kernel: Kernel) -> None:
        self._node = node
        self._watched = sorted(ports)
        self._kernel = kernel
        self._by_cookie: dict[int, int] = {}
        self._counts: dict[int, int] = {}  # as logged and in the metrics
        self._asked = 0.0

    def ports(self) -> list[int]:
        return sorted(set(self._by_cookie.values()))

    def listed(self, sockets: Iterable[Socket]) -> None:
        """Take a full dump as what exists."""
        listening = netlink.LISTEN
        self._by_cookie = {s.cookie: s.local_port for s in sockets if s.state == listening}
        self._show()

    def destroyed(self, socket: Socket) -> bool:
        """Note a listening socket's end; False when it is not known as one."""
        if self._by_cookie.pop(socket.cookie, None) is None:
            return False
        self._show()
        return True

    def is_there(self, port: int) -> bool:
        """Whether anyone listens; where nobody did, the kernel is asked again: it may be back."""
        if self._counts.get(port):
            return True
        now = time.monotonic()
        if now - self._asked > _ASK_AGAIN_SECONDS:
            self._asked = now
            try:
                ports = netlink_requests.of_ports(self._watched)
                self.listed(self._kernel.dump(ports, 1 << netlink.LISTEN))
            except (KernelRefuses, QueryFailed) as error:
                log.warning("cannot list the kernel's listening sockets", detail=str(error))
        return bool(self._counts.get(port))

    def _show(self) -> None:
        """Log changes, and set the metrics."""
        counts = dict.fromkeys(self._watched, 0)
        for port in self._by_cookie.values():
            counts[port] = counts.get(port, 0) + 1
        for port, count in counts.items():
            before = self._counts.get(port)
            if count == before:
                continue
            metrics.LISTENERS.set(count, {"node": self._node, "port": str(port)})
            if not count:
                log.warning("nobody listens on the port", port=port)
            elif not before:
                log.info("the server listens", port=port, sockets=count)
        self._counts = counts
