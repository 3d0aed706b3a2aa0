"""One playing of a recording, for all its clients: when frames are due, how far it has come."""

import threading
import time
from collections.abc import Callable

from local.replay.conductor import Conductor, Part
from local.replay.esl_recording import RecordedFrame

# Whether the first so many events are in Kafka and, when asked for that too, folded.
Settled = Callable[[int, bool], bool]
# Further behind its time than this, a frame is part of a burst.
_LATE = 0.2  # seconds


class Playback:
    """Begins with the first subscription; its times are fixed from then on. Thread-safe."""

    def __init__(
        self,
        frames: list[RecordedFrame],
        speed: float | None,
        settled: Settled | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced. Raises ValueError.

        `settled` is waited for between events of two kinds (replay_turns). `conductor` sets the
        pace where several recordings are played together.
        """
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0")
        self.frames = frames
        self.shift: int | None = None
        self.sent_events = 0
        self.finished = False
        self.stopped = threading.Event()
        self._speed = speed
        self._settled = settled
        self._began = 0.0
        self._lock = threading.Lock()
        self._conductor = conductor
        self._part: Part | None = None
        self._index: dict[int, int] = {}
        self._due_index = 0
        if conductor is not None:
            self._part = conductor.join([frame.received for frame in frames])
            self._index = {id(frame): index for index, frame in enumerate(frames)}

    def begin(self) -> int | None:
        """Microseconds to add to every time; None when everything has been played already.

        Waits for the other recordings' listeners where there are others.
        """
        if self._part is not None and self._conductor is not None:
            if self.finished or not self._part.begin():
                return None
            self.shift = self._conductor.shift
            return self.shift
        with self._lock:
            if self.finished:
                return None
            if self.shift is None:
                self._began = time.monotonic()
                ends = time.time() + self._due(self.frames[-1])
                self.shift = int(ends * 1_000_000) - self.frames[-1].at
            return self.shift

    def wait_for(self, frame: RecordedFrame) -> bool:
        """Until `frame` is due; False when the playing is stopped first."""
        if self._part is not None:
            self._due_index = self._index[id(frame)]
            return self._part.wait_for(self._due_index) and not self.stopped.is_set()
        left = self._began + self._due(frame) - time.monotonic()
        return not (self.stopped.wait(left) if left > 0 else self.stopped.is_set())

    def wait_settled(self, frame: RecordedFrame, events: int, gone: threading.Event) -> bool:
        """Before a `frame` of another kind: until the first `events` events are settled.

        In Kafka at least: then their order there is the switch's. In a burst (unpaced, or behind
        its pace after a reconnect) folded too. False when it is of no use any more.
        """
        if self._speed is not None and self._part is not None:
            return True  # the conductor's pace alone counts
        burst = self._speed is None or (time.monotonic() - self._began - self._due(frame) > _LATE)
        while self._settled is not None and not self._settled(events, burst):
            if self.stopped.wait(0.02) or gone.is_set():
                return False
        return True

    def sent(self, events: int, *, last: bool) -> None:
        """A client has been sent its first `events` events; with `last`, everything."""
        if self._part is not None:
            self._part.sent(self._due_index)
        with self._lock:
            self.sent_events = max(self.sent_events, events)
            self.finished = self.finished or last

    def _due(self, frame: RecordedFrame) -> float:
        """Seconds from the beginning to `frame`, on the wire."""
        if self._speed is None:
            return 0.0
        return max(0, frame.received - self.frames[0].received) / 1_000_000 / self._speed

    def stop(self) -> None:
        """Whoever waits here waits no longer."""
        self.stopped.set()
        if self._part is not None:
            self._part.stop()
