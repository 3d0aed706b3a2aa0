"""Several recordings on one clock: each piece at its recorded place among all others'.

Paced, the spacing is the recorded one divided by the speed. Unpaced, pieces go out in the recorded
order, one source's after what the other sources sent before has had its effect.
"""

import threading
import time
from collections.abc import Callable

_LOOK_SECONDS = 0.02
_YIELD_SECONDS = 0.001
# Unpaced, a longer pause of the recording becomes this one.
_PAUSE_MAX = 1.05


class Part:
    """One recording's part; its own thread calls all of these, in order."""

    def __init__(self, conductor: "Conductor", times: list[int]) -> None:
        self._conductor = conductor
        self.times = times
        self.next = 0
        self.begun = False
        self.stopped = threading.Event()

    def begin(self) -> bool:
        """Its listener is there: wait for the other recordings'. False when stopped first."""
        return self._conductor.begin(self)

    def wait_for(self, index: int) -> bool:
        """Until piece `index` is due; False when stopped first."""
        return self._conductor.wait_for(self, index)

    def sent(self, index: int) -> None:
        self._conductor.sent(self, index)

    def stop(self) -> None:
        self.stopped.set()


class Conductor:
    """Shared by the parts. `settled`: what the parts sent so far has had its effect (unpaced)."""

    def __init__(self, speed: float | None, settled: Callable[[], bool] = lambda: True) -> None:
        """`speed` 1 is as recorded, None unpaced. Raises ValueError."""
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0")
        self._speed = speed
        self._settled = settled
        self._parts: list[Part] = []
        self._lock = threading.Lock()
        self._began: float | None = None
        self._last: Part | None = None
        self._last_at = 0
        self._last_sent = 0.0
        # From recorded to played time, µs, the same for all; right at the end of the play.
        self.shift: int | None = None

    def join(self, times: list[int]) -> Part:
        """A part whose pieces were received at `times` (µs, one clock for all); before any begins.

        A time before its predecessor's counts as that.
        """
        ordered: list[int] = []
        for at in times:
            ordered.append(max(at, ordered[-1]) if ordered else at)
        part = Part(self, ordered)
        self._parts.append(part)
        return part

    def begin(self, part: Part) -> bool:
        part.begun = True
        while not part.stopped.is_set():
            with self._lock:
                if all(one.begun or one.stopped.is_set() for one in self._parts):
                    self._start()
                    return True
            part.stopped.wait(_LOOK_SECONDS)
        return False

    def wait_for(self, part: Part, index: int) -> bool:
        part.next = max(part.next, index)  # whatever it skipped holds nobody up
        if self._speed is not None:
            assert self._began is not None
            due = self._began + (part.times[index] - self._first()) / 1e6 / self._speed
            left = due - time.monotonic()
            if part.stopped.wait(left) if left > 0 else part.stopped.is_set():
                return False
            while not self._is_oldest(part, index):  # the other's thread is a moment late
                if part.stopped.wait(_YIELD_SECONDS):
                    return False
            return True
        while not (self._is_oldest(part, index) and self._may_follow(part)):
            if part.stopped.wait(_LOOK_SECONDS):
                return False
        pause = min((part.times[index] - self._last_at) / 1e6, _PAUSE_MAX)
        left = self._last_sent + pause - time.monotonic()
        if self._last is not None and left > 0:
            return not part.stopped.wait(left)
        return not part.stopped.is_set()

    def sent(self, part: Part, index: int) -> None:
        with self._lock:
            part.next = max(part.next, index + 1)
            self._last, self._last_at = part, part.times[index]
            self._last_sent = time.monotonic()

    def _start(self) -> None:
        if self._began is None:
            self._began = time.monotonic() + 2 * _LOOK_SECONDS  # when all have seen it
            now = time.time_ns() // 1000
            plays = (self._end() - self._first()) / self._speed if self._speed else 0.0
            self.shift = now + round(plays) - self._end()

    def _first(self) -> int:
        return min(part.times[0] for part in self._parts)

    def _end(self) -> int:
        return max(part.times[-1] for part in self._parts)

    def _may_follow(self, part: Part) -> bool:
        """Whether what another part sent last has had its effect."""
        return self._last in (None, part) or self._settled()

    def _is_oldest(self, part: Part, index: int) -> bool:
        """Whether nobody else has something older to send."""
        mine = part.times[index]
        for other in self._parts:
            if other is part or other.stopped.is_set() or other.next >= len(other.times):
                continue
            theirs = other.times[other.next]
            if theirs < mine or (
                theirs == mine and self._parts.index(other) < self._parts.index(part)
            ):
                return False
        return True
