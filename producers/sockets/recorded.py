"""Recorded notifications in place of this host's kernel, for replays."""

import _socket
from collections.abc import Iterable

from producers.sockets import netlink
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from producers.sockets.notifications import Subscription
from producers.sockets.settings import SocketsSettings
from schemas.origin import Address


def open_kernel(settings: SocketsSettings) -> Kernel:
    """The kernel to ask: this host's, or a stand-in for a recording's. Raises KernelRefuses."""
    if settings.recorded is None:
        return Kernel()
    return RecordedKernel(port.number for port in settings.sip_ports)


def subscribe(settings: SocketsSettings) -> Subscription:
    """Where to read notifications. Raises KernelRefuses, QueryFailed, OSError."""
    if settings.recorded is None:
        ports = [port.number for port in settings.sip_ports]
        return Subscription(settings.receive_buffer_bytes, ports)
    return RecordedSubscription(settings.recorded, settings.receive_buffer_bytes)


class RecordedKernel(Kernel):
    """Answers in place of a recording's kernel: its servers listen; it has no connections."""

    def __init__(self, ports: Iterable[int]) -> None:
        anywhere = Address(ip="0.0.0.0", port=0)
        self._listening = [
            Socket.of(Address(ip=anywhere.ip, port=port), anywhere, netlink.LISTEN, cookie=port)
            for port in ports
        ]

    def close(self) -> None:
        """Nothing is open."""

    def exact(
        self, family: int, ends: bytes, cookie: int | None = None, *, info: bool = False
    ) -> Socket | None:
        del family, ends, cookie, info
        return None

    def dump(self, condition: bytes, states: int = netlink.DUMPED_STATES) -> list[Socket]:
        del condition, states
        return list(self._listening)


class RecordedSubscription(Subscription):
    """Datagrams as netlink's, from a UDP socket bound to `address` (`host:port`)."""

    def __init__(self, address: str, buffer_bytes: int) -> None:
        """Raises OSError."""
        host, _, port = address.rpartition(":")
        self.socket = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM)
        self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, buffer_bytes)
        self.socket.bind((host, int(port)))
        self.buffer_bytes = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF) // 2
        self.buffer_forced, self.filtered = False, False
        self.groups = ["recorded"]
