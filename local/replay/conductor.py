"""Plays several recordings on one clock: each piece in its recorded order among all pieces.

With a speed, the recorded spacing is divided by it. Without one (unpaced), pieces are sent in the
recorded order, and a piece of another source waits until all earlier ones are processed.
"""

import threading
import time
from collections.abc import Callable

POLL_SECONDS = 0.02
_YIELD_SECONDS = 0.001
# Unpaced, a longer pause of the recording becomes this one.
PAUSE_MAX = 1.05


class Part:
    """One recording's part in a play; only the thread that sends the recording calls it."""

    def __init__(self, conductor: "Conductor", times: list[int]) -> None:
        self._conductor = conductor
        self.times = times
        self.next = 0
        self.begun = False
        self.stopped = threading.Event()

    def begin(self) -> bool:
        """The receiver is ready: wait until all parts' are. False when stopped first."""
        return self._conductor.begin(self)

    def wait_for(self, index: int) -> bool:
        """Wait until piece `index` is due. False when stopped first."""
        return self._conductor.wait_for(self, index)

    def wait_until(self, condition: Callable[[], bool]) -> bool:
        """Wait until the condition holds. False when stopped first."""
        while not condition():
            if self.stopped.wait(POLL_SECONDS):
                return False
        return True

    def sent(self, index: int) -> None:
        """Piece `index` has been sent."""
        self._conductor.sent(self, index)

    def stop(self) -> None:
        """End every wait of this part."""
        self.stopped.set()


class Conductor:
    """Sets the pace of all parts. Unpaced, it asks `processed` whether all that was sent is."""

    def __init__(
        self,
        speed: float | None,
        processed: Callable[[], bool] = lambda: True,
        *,
        pause_max: float = PAUSE_MAX,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced: then a longer pause becomes `pause_max` seconds.

        Raises ValueError.
        """
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0")
        self._speed = speed
        self._processed = processed
        self._pause_max = pause_max
        self._parts: list[Part] = []
        self._lock = threading.Lock()
        self._began: float | None = None
        self._last: Part | None = None
        self._last_at = 0
        self._last_sent = 0.0
        # Added to recorded times, µs, the same for all parts; exact at the end of the play.
        self.shift: int | None = None

    def join(self, times: list[int]) -> Part:
        """Add a part whose pieces were received at `times` (µs by one clock), before any begins.

        A time before its predecessor's is taken as equal to it.
        """
        ordered: list[int] = []
        for at in times:
            ordered.append(max(at, ordered[-1]) if ordered else at)
        part = Part(self, ordered)
        self._parts.append(part)
        return part

    def begin(self, part: Part) -> bool:
        """See Part.begin."""
        part.begun = True
        while not part.stopped.is_set():
            with self._lock:
                if all(one.begun or one.stopped.is_set() for one in self._parts):
                    self._start()
                    return True
            part.stopped.wait(POLL_SECONDS)
        return False

    def wait_for(self, part: Part, index: int) -> bool:
        """See Part.wait_for."""
        part.next = max(part.next, index)  # no other part waits for pieces that were skipped
        if self._speed is not None:
            assert self._began is not None
            due = self._began + (part.times[index] - self._first()) / 1e6 / self._speed
            left = due - time.monotonic()
            if part.stopped.wait(left) if left > 0 else part.stopped.is_set():
                return False
            while not self._is_oldest(part, index):  # the thread of an older piece is slightly late
                if part.stopped.wait(_YIELD_SECONDS):
                    return False
            return True
        while not (self._is_oldest(part, index) and self._may_follow(part)):
            if part.stopped.wait(POLL_SECONDS):
                return False
        pause = min((part.times[index] - self._last_at) / 1e6, self._pause_max)
        left = self._last_sent + pause - time.monotonic()
        if self._last is not None and left > 0:
            return not part.stopped.wait(left)
        return not part.stopped.is_set()

    def sent(self, part: Part, index: int) -> None:
        """See Part.sent."""
        with self._lock:
            part.next = max(part.next, index + 1)
            self._last, self._last_at = part, part.times[index]
            self._last_sent = time.monotonic()

    def _start(self) -> None:
        if self._began is None:
            self._began = time.monotonic() + 2 * POLL_SECONDS  # by then all parts have seen it
            now = time.time_ns() // 1000
            plays = (self._end() - self._first()) / self._speed if self._speed else 0.0
            self.shift = now + round(plays) - self._end()

    def _first(self) -> int:
        return min(part.times[0] for part in self._parts)

    def _end(self) -> int:
        return max(part.times[-1] for part in self._parts)

    def _may_follow(self, part: Part) -> bool:
        """Whether the piece that another part sent last is processed."""
        return self._last in (None, part) or self._processed()

    def _is_oldest(self, part: Part, index: int) -> bool:
        """Whether no other part has an older piece to send."""
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
