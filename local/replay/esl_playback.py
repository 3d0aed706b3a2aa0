"""One play of a recording, shared by its clients: when frames are due, how far it has come."""

import threading
import time
from collections.abc import Callable

from local.replay.conductor import Conductor, Part
from local.replay.esl_recording import RecordedFrame

# Whether the first so many events are in Kafka and, if the second argument is true, folded.
Processed = Callable[[int, bool], bool]
# A frame that is later than this is part of a burst.
_LATE = 0.2  # seconds


class Playback:
    """Begins with the first subscription, which fixes its times. Thread-safe."""

    def __init__(
        self,
        frames: list[RecordedFrame],
        speed: float | None,
        processed: Processed | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced. Raises ValueError.

        Events of another kind wait for `processed` (esl_pauses). `conductor` sets the pace where
        several recordings are played together.
        """
        if speed is not None and speed <= 0:
            raise ValueError("speed must be above 0")
        self.frames = frames
        self.shift: int | None = None
        self.sent_events = 0
        self.finished = False
        self.stopped = threading.Event()
        self._speed = speed
        self._processed = processed
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
        """The microseconds to add to every time; None when everything has already been played.

        Waits until the receivers of all other recordings are ready.
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
        """Wait until `frame` is due. False when the play is stopped first."""
        if self._part is not None:
            self._due_index = self._index[id(frame)]
            return self._part.wait_for(self._due_index) and not self.stopped.is_set()
        left = self._began + self._due(frame) - time.monotonic()
        return not (self.stopped.wait(left) if left > 0 else self.stopped.is_set())

    def wait_processed(self, frame: RecordedFrame, events: int, gone: threading.Event) -> bool:
        """Wait, before a `frame` of another kind, until the first `events` events are processed.

        They must be in Kafka, so that their order there is the switch's; in a burst (unpaced, or
        late after a reconnect) they must be folded too. False when stopped or disconnected first.
        """
        if self._speed is not None and self._part is not None:
            return True  # only the conductor's pace counts
        burst = self._speed is None or (time.monotonic() - self._began - self._due(frame) > _LATE)
        while self._processed is not None and not self._processed(events, burst):
            if self.stopped.wait(0.02) or gone.is_set():
                return False
        return True

    def sent(self, events: int, *, last: bool) -> None:
        """A client has been sent its first `events` events; `last` means all of them."""
        if self._part is not None:
            self._part.sent(self._due_index)
        with self._lock:
            self.sent_events = max(self.sent_events, events)
            self.finished = self.finished or last

    def _due(self, frame: RecordedFrame) -> float:
        """When `frame` is due, in seconds from the beginning."""
        if self._speed is None:
            return 0.0
        return max(0, frame.received - self.frames[0].received) / 1_000_000 / self._speed

    def stop(self) -> None:
        """End every wait."""
        self.stopped.set()
        if self._part is not None:
            self._part.stop()
