"""One playing of a recording, for all its clients: when frames are due, how far it has come."""

import threading
import time

from local.replay_capture import RecordedFrame


class Playback:
    """Begins with the first subscription; its times are fixed from then on. Thread-safe."""

    def __init__(self, frames: list[RecordedFrame], speed: float | None) -> None:
        """`speed` 1 is as recorded, None unpaced. Raises ValueError."""
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0")
        self.frames = frames
        self.shift: int | None = None
        self.sent_events = 0
        self.finished = False
        self.stopped = threading.Event()
        self._speed = speed
        self._began = 0.0
        self._lock = threading.Lock()

    def begin(self) -> int | None:
        """Microseconds to add to every time; None when everything has been played already."""
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
        left = self._began + self._due(frame) - time.monotonic()
        return not (self.stopped.wait(left) if left > 0 else self.stopped.is_set())

    def sent(self, events: int, *, last: bool) -> None:
        """A client has been sent its first `events` events; with `last`, everything."""
        with self._lock:
            self.sent_events = max(self.sent_events, events)
            self.finished = self.finished or last

    def _due(self, frame: RecordedFrame) -> float:
        """Seconds from the beginning to `frame`, on the wire."""
        if self._speed is None:
            return 0.0
        return max(0, frame.received - self.frames[0].received) / 1_000_000 / self._speed
