"""What the watcher reads: the kernel's notifications and dumps, in one queue, as they came.

The reader's thread takes notifications, the dumper's takes dumps; exact queries go over a socket of
the worker's own.
"""

import queue
from typing import Any

from producers.sockets import netlink_requests
from producers.sockets.dumper import Dump, Dumper, take_dump
from producers.sockets.kernel import Kernel
from producers.sockets.kernel_features import probe_features
from producers.sockets.known_connections import KnownConnection
from producers.sockets.netlink import Socket
from producers.sockets.notifications import Reader, Received
from producers.sockets.recorded import open_kernel
from producers.sockets.settings import SocketsSettings

# A datagram, a dump, or None where notifications were lost.
Item = Received | Dump | None

_WAIT_SECONDS = 0.02


class KernelFeed:
    """`start`, then take `items` until `close`. `kernel` is the worker's, to ask with."""

    def __init__(self, settings: SocketsSettings) -> None:
        """Raises KernelRefuses."""
        self.kernel: Kernel = open_kernel(settings)
        self.features, subscription = probe_features(settings, self.kernel)
        self._reader = Reader(subscription, settings.queue_max_messages) if subscription else None
        self.queue: queue.SimpleQueue[Any] = (
            self._reader.queue if self._reader else queue.SimpleQueue()
        )
        self._condition = netlink_requests.of_ports([port.number for port in settings.sip_ports])
        self._dumper = Dumper(
            lambda: open_kernel(settings),
            self._condition,
            settings.dump_seconds,
            lambda dump: self.queue.put(dump),
        )

    @property
    def notifies(self) -> bool:
        """Whether the kernel notifies; else there are only dumps."""
        return self._reader is not None

    @property
    def overflows(self) -> int:
        """How often notifications were lost."""
        return self._reader.overflows if self._reader else 0

    @property
    def has_unread(self) -> bool:
        """Whether something was read that is not taken yet."""
        return not self.queue.empty()

    def start(self) -> Dump:
        """Begin to read; the first dump. Raises KernelRefuses, QueryFailed."""
        if self._reader:
            self._reader.start()  # before the first dump: what ends during it is read
        dump = take_dump(self.kernel, self._condition)
        self._dumper.start()
        return dump

    def items(self, limit: int) -> list[Item]:
        """What was read, at most `limit`, waiting a moment for the first."""
        items: list[Item] = []
        try:
            items.append(self.queue.get(timeout=_WAIT_SECONDS))
            while len(items) < limit:
                items.append(self.queue.get_nowait())
        except queue.Empty:
            pass
        return items

    def raise_failure(self) -> None:
        """Raises what ended a thread."""
        for thread in (self._reader, self._dumper):
            if thread and thread.failure:
                raise thread.failure

    def give_way(self) -> None:
        """Let the reader go first where it has work: it must never wait long."""
        if self._reader:
            self._reader.give_way()

    def want_dump(self) -> None:
        """Take a dump at once."""
        self._dumper.wanted.set()

    def exact(
        self, connection: KnownConnection, cookie: int, *, info: bool = False
    ) -> Socket | None:
        """The connection's socket; None when it is gone. Raises KernelRefuses, QueryFailed."""
        return self.kernel.exact(connection.family, connection.ends, cookie, info=info)

    def stop(self) -> None:
        """Stop the threads; what they have read is in the queue."""
        self._dumper.stop()
        if self._reader:
            self._reader.stop()

    def close(self) -> None:
        if self._reader:
            self._reader.close()
        self.kernel.close()

    def status(self) -> dict[str, Any]:
        """For /status."""
        return {
            "received": self._reader.received if self._reader else 0,
            "queued": self.queue.qsize(),
            "overflows": self.overflows,
            "dumps": self._dumper.count,
            "dump_seconds": round(self._dumper.seconds, 6),
            "kernel": self.features.report(),
        }
