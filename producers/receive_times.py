"""When a producer read something: the only time there is of events that carry none."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple


class Received(NamedTuple):
    """When the producer read an event. `seq` is unique and only grows, over restarts too."""

    at: datetime
    seq: int


class Ticks:
    """Receive times by this host's clock, which is the server's too: they share a host."""

    def __init__(self, clock: Callable[[], int] = time.time_ns) -> None:
        self._clock = clock
        self._last = 0
        self._lock = threading.Lock()

    def now(self, places: int = 1) -> Received:
        """The time, and the first of so many places in the order of reading."""
        microseconds = self._clock() // 1000
        with self._lock:
            seq = max(self._last + 1, microseconds)
            self._last = seq + places - 1
        return Received(datetime.fromtimestamp(microseconds / 1e6, UTC), seq)
