"""When the dumper takes the next dump: by what the last one cost, not by how long it waited."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from producers.sockets.dumper import Dump, Dumper
from producers.sockets.kernel import Kernel
from producers.sockets.netlink import Socket
from tests.eventually import eventually


class Slow(Kernel):
    """A kernel whose first dump takes `seconds`, waiting or at work."""

    def __init__(self, seconds: float, *, works: bool) -> None:
        self._seconds, self._works = seconds, works

    def dump(self, _condition: bytes, _states: int = 0) -> list[Socket]:
        seconds, self._seconds = self._seconds, 0.0
        if not self._works:
            time.sleep(seconds)
        end = time.thread_time() + seconds
        while self._works and time.thread_time() < end:
            pass
        return []

    def close(self) -> None:
        """There is nothing to close."""


@contextmanager
def dumping(kernel: Kernel) -> Iterator[list[float]]:
    """When dumps were delivered, one wanted every 10 ms."""
    times: list[float] = []

    def deliver(_dump: Dump) -> None:
        times.append(time.monotonic())

    dumper = Dumper(lambda: kernel, b"", 0.01, deliver)
    dumper.start()
    yield times
    dumper.stop()


def test_a_dump_that_waited_does_not_hold_up_the_next() -> None:
    with dumping(Slow(0.5, works=False)) as times:
        eventually(lambda: len(times) >= 2, interval=0.01)
    # By its length it would be 5 s, and 2.5 s more.
    assert times[1] - times[0] < 5.0


def test_a_dump_that_worked_leaves_the_core_to_others() -> None:
    with dumping(Slow(0.05, works=True)) as times:
        eventually(lambda: len(times) >= 2, interval=0.01)
    assert times[1] - times[0] > 0.5
