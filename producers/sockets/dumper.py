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

# A dump may take this share of the time; on demand at most twice as much.
_SHARE, _SHARE_WANTED = 0.1, 0.2


class Dump(NamedTuple):
    """All sockets of the watched ports. `began` is of time.monotonic; it took `seconds`."""

    sockets: list[Socket]
    began: float
    seconds: float


def take_dump(kernel: Kernel, condition: bytes) -> Dump:
    """List the sockets that meet the condition. Raises KernelRefuses, QueryFailed."""
    began = time.monotonic()
    sockets = kernel.dump(condition)
    return Dump(sockets, began, time.monotonic() - began)


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
                self.wanted.wait(max(self._interval, self.seconds / _SHARE))
                self.wanted.clear()
                if self._stopping:
                    return
                self._dump(kernel)
                time.sleep(self.seconds / _SHARE_WANTED)
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
        self.seconds = dump.seconds
        self._deliver(dump)
