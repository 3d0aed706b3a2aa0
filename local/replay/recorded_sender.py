"""What recorded servers share that send of their own accord: the thread, and the pace."""

import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Generic, Protocol, TypeVar

from local.replay.conductor import Conductor
from local.replay.pace import Feedback, Pace
from local.replay.recorded_server import Frame


class Piece(Frame, Protocol):
    """What is sent at once."""

    @property
    def kind(self) -> str:
        """What it is about; pieces of another kind wait until it is processed. May be empty."""


SentPiece = TypeVar("SentPiece", bound=Piece)


class RecordedSender(ABC, Generic[SentPiece]):
    """Sends one recording to one producer, piece by piece, from a thread of its own."""

    def __init__(
        self,
        name: str,
        frames: Sequence[SentPiece],
        *,
        speed: float | None = None,
        feedback: Feedback | None = None,
        conductor: Conductor | None = None,
    ) -> None:
        """`speed` 1 is as recorded, None unpaced. Without a `conductor` it plays alone."""
        self.frames = frames
        self._feedback = feedback or Feedback()
        self._part = (conductor or Conductor(speed)).join([piece.received for piece in frames])
        self._pace = Pace(self._part, self._feedback, paced=speed is not None)
        self._thread = threading.Thread(target=self._play, name=f"replay-{name}", daemon=True)
        self.sent_events = 0
        self.finished = False

    @property
    def total_events(self) -> int:
        """How much it sends, in the unit of `sent_events`."""
        return len(self.frames)

    @abstractmethod
    def send(self, piece: SentPiece) -> int:
        """Send one piece; how much that was, in the unit of `sent_events`."""

    def start(self) -> None:
        """Start the sending thread, which sends when the producer is ready."""
        self._thread.start()

    def stop(self) -> None:
        """Stop sending, and wait for the thread."""
        self._part.stop()
        self._thread.join()

    def _play(self) -> None:
        if not self._part.wait_until(self._feedback.ready) or not self._part.begin():
            return
        for index, piece in enumerate(self.frames):
            if not self._pace.wait_for(index, piece.kind, self.sent_events):
                return
            self.sent_events += self.send(piece)
            if not self._pace.sent(index, self.sent_events):
                return
        self.finished = True
