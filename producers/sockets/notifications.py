"""The kernel's notifications of destroyed sockets: a subscription, and a thread that only reads it.

NETLINK_SOCK_DIAG multicast, one inet_diag message a destroyed TCP socket, in the IPv6 group also
for the IPv4 connections of a dual-stack listener. A full buffer loses messages, with ENOBUFS.
"""

import _socket
import ctypes
import errno
import queue
import select
import struct
import threading
import time
from typing import NamedTuple

from pyroute2.netlink import NETLINK_SOCK_DIAG
from pyroute2.netlink.diag import SKNLGRP_INET6_TCP_DESTROY, SKNLGRP_INET_TCP_DESTROY

from producers.sockets.kernel import refusal

_SOL_NETLINK, _ADD_MEMBERSHIP = 270, 1
_SO_RCVBUFFORCE, _SO_ATTACH_FILTER = 33, 26
_GROUPS = {"IPv4": SKNLGRP_INET_TCP_DESTROY, "IPv6": SKNLGRP_INET6_TCP_DESTROY}
_MESSAGE_BYTES = 8192
_POLL_SECONDS = 0.2
_GIVE_WAY_SECONDS = 0.0005
# Where a notification holds the local port: netlink header, four bytes of inet_diag_msg.
_PORT_OFFSET = 20
_PORTS_FILTERED_MAX = 200


class Received(NamedTuple):
    """One datagram, and when it was read, in seconds since the epoch."""

    data: bytes
    at: float


class Subscription:
    """A socket in both groups, with as large a buffer as is allowed."""

    def __init__(self, buffer_bytes: int, ports: list[int]) -> None:
        """Raises KernelRefuses when the groups cannot be joined; without IPv6 it is left out."""
        try:
            self.socket = _socket.socket(_socket.AF_NETLINK, _socket.SOCK_RAW, NETLINK_SOCK_DIAG)
            self.socket.bind((0, 0))
        except OSError as error:
            raise refusal("opening NETLINK_SOCK_DIAG", error) from error
        try:
            self.buffer_bytes, self.buffer_forced = self._enlarge(buffer_bytes)
            self.filtered = self._filter(ports)
            self.groups = self._join()
        except BaseException:
            self.socket.close()
            raise

    def _enlarge(self, wanted: int) -> tuple[int, bool]:
        forced = True
        try:
            self.socket.setsockopt(_socket.SOL_SOCKET, _SO_RCVBUFFORCE, wanted)
        except OSError:  # needs CAP_NET_ADMIN; without it net.core.rmem_max is the most
            forced = False
            self.socket.setsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF, wanted)
        # The kernel doubles what it is given, for its own bookkeeping, and reports that.
        return self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_RCVBUF) // 2, forced

    def _filter(self, ports: list[int]) -> bool:
        """Let the kernel drop other ports' sockets before they take room: a classic BPF program."""
        if len(ports) > _PORTS_FILTERED_MAX:
            return False
        count = len(ports)
        program = struct.pack("=HBBI", 0x28, 0, 0, _PORT_OFFSET)  # A = 16 bits there, big-endian
        for number, port in enumerate(ports):
            program += struct.pack("=HBBI", 0x15, count - number, 0, port)  # A == port: to the last
        program += struct.pack("=HBBI", 0x06, 0, 0, 0)  # return 0: drop
        program += struct.pack("=HBBI", 0x06, 0, 0, 0xFFFFFFFF)  # return all: keep
        code = ctypes.create_string_buffer(program)
        filter_program = struct.pack("@HP", count + 3, ctypes.addressof(code))
        try:
            self.socket.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_FILTER, filter_program)
        except OSError:
            return False
        return True

    def _join(self) -> list[str]:
        joined = []
        for name, group in _GROUPS.items():
            try:
                self.socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, group)
                joined.append(name)
            except OSError as error:
                if name == "IPv4":
                    raise refusal("joining SKNLGRP_INET_TCP_DESTROY", error) from error
        return joined


class Reader:
    """The thread that only reads: when it does not keep up, the kernel drops notifications.

    `queue` gets each datagram. It is bounded: beyond that datagrams are dropped here, which counts
    as an overflow like the kernel's own.
    """

    def __init__(self, subscription: Subscription, queue_max: int) -> None:
        self._subscription = subscription
        self._queue_max = queue_max
        self._readable = self._poll()  # the reader's own; one poll serves one thread
        self._to_read = self._poll()
        self._thread = threading.Thread(target=self._read, name="sockets-reader", daemon=True)
        self._stopping = False
        self.queue: queue.SimpleQueue[Received | None] = queue.SimpleQueue()
        self.received = 0
        self.overflows = 0  # times that messages were lost, here or in the kernel
        self.failure: Exception | None = None

    def _poll(self) -> select.poll:
        poll = select.poll()
        poll.register(self._subscription.socket.fileno(), select.POLLIN)
        return poll

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self._thread.join()

    def close(self) -> None:
        self._subscription.socket.close()

    def give_way(self) -> None:
        """Wait while there is something to read: two busy threads share one interpreter badly.

        Returns at once when the queue is full, because then the reader waits.
        """
        while self._to_read.poll(0) and not self._is_full() and not self._stopping:
            time.sleep(_GIVE_WAY_SECONDS)

    def _is_full(self) -> bool:
        return self.queue.qsize() >= self._queue_max

    def _read(self) -> None:
        try:
            receive, readable = self._subscription.socket.recv, self._readable
            put, now = self.queue.put, time.time
            lost = False
            while not self._stopping:
                try:
                    data = receive(_MESSAGE_BYTES, _socket.MSG_DONTWAIT)
                except BlockingIOError:
                    readable.poll(_POLL_SECONDS * 1000)
                    continue
                except OSError as error:
                    if error.errno != errno.ENOBUFS:
                        raise
                    self._lose()
                    continue
                self.received += 1
                if not self._is_full():
                    put(Received(data, now()))
                    lost = False
                elif not lost:
                    lost = True
                    self._lose()
        except Exception as error:
            self.failure = error
            self.queue.put(None)

    def _lose(self) -> None:
        self.overflows += 1
        self.queue.put(None)
