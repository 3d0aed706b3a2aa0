"""The thread that dumps all connections: each second, and at once when notifications were lost."""

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from runtime import logs

log = logs.get(__name__)

# A dump may take this share of a core; on demand at most twice as much.
_SHARE, _SHARE_WANTED = 0.1, 0.2


class Dump(NamedTuple):
    """All sockets of the watched ports; it took `seconds`, and `cpu_seconds` of a core."""

    sockets: list[Socket]
    seconds: float
    cpu_seconds: float


def take_dump(kernel: Kernel, condition: bytes) -> Dump:
    """List the sockets that meet the condition. Raises KernelRefuses, QueryFailed."""
    began, cpu_began = time.monotonic(), time.thread_time()
    sockets = kernel.dump(condition)
    return Dump(sockets, time.monotonic() - began, time.thread_time() - cpu_began)


class Dumper:
    """`wanted` asks for a dump now; `deliver` gets each, in this thread."""

    def __init__(
        self,
        open_kernel: Callable[[], Kernel],
        condition: bytes,
        interval: float,
        deliver: Callable[[Dump], object],
    ) -> None:
        self._open_kernel = open_kernel
        self._condition = condition
        self._interval = interval
        self._deliver = deliver
        self._stopping = False
        self._thread = threading.Thread(target=self._work, name="sockets-dumper", daemon=True)
        self.wanted = threading.Event()
        self.count = self.failures = 0
        self.seconds = 0.0
        # What paces the next one: the kernel lists in the thread's own time. A dump that only
        # waited for a core or a lock costs nothing, and must not hold up the next.
        self._cost = 0.0
        self.failure: Exception | None = None

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping = True
        self.wanted.set()
        self._thread.join()

    def _work(self) -> None:
        kernel = self._open_kernel()
        try:
            while not self._stopping:
                self.wanted.wait(max(self._interval, self._cost / _SHARE))
                self.wanted.clear()
                if self._stopping:
                    return
                self._dump(kernel)
                time.sleep(self._cost / _SHARE_WANTED)
        except Exception as error:
            self.failure = error
        finally:
            kernel.close()

    def _dump(self, kernel: Kernel) -> None:
        try:
            dump = take_dump(kernel, self._condition)
        except (KernelRefuses, QueryFailed) as error:
            self.failures += 1
            if self.failures == 1:
                log.error("cannot list the kernel's connections", detail=str(error))
            return
        self.failures = 0
        self.count += 1
        self.seconds, self._cost = dump.seconds, dump.cpu_seconds
        self._deliver(dump)
