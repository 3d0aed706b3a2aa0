"""The pace of one recording: in its recorded order and time, and no faster than the producer reads.

Every recorded server that sends of its own accord asks it before and after each piece.
"""

from collections.abc import Callable
from dataclasses import dataclass

from local.replay.conductor import Part

# After so many pieces wait until the producer has read them.
_UNREAD_MAX = 50


@dataclass(frozen=True)
class Feedback:
    """What is asked of the producer: whether it is ready to read (`ready`), whether it has read so
    much of what was sent (`read`), and whether that is processed (`processed`)."""

    ready: Callable[[], bool] = lambda: True
    read: Callable[[int], bool] = lambda _: True
    processed: Callable[[int], bool] = lambda _: True


class Pace:
    """When the next piece may be sent. Only the thread that sends the recording calls it."""

    def __init__(self, part: Part, feedback: Feedback, *, paced: bool) -> None:
        """Unpaced, pieces of another kind wait until everything before them is processed."""
        self._part = part
        self._feedback = feedback
        self._paced = paced
        self._kind = ""
        self._unread = 0

    def wait_for(self, index: int, kind: str, sent: int) -> bool:
        """Wait until piece `index` is due, after `sent` in all. False when stopped first.

        `kind` is what the piece is about; the empty one waits for no other.
        """
        is_other = bool(self._kind) and kind not in ("", self._kind)
        self._kind = kind or self._kind
        if (
            is_other
            and not self._paced
            and not self._part.wait_until(lambda: self._feedback.processed(sent))
        ):
            return False
        return self._part.wait_for(index)

    def sent(self, index: int, sent: int) -> bool:
        """Piece `index` has been sent, `sent` in all; wait for a slow reader. False when stopped
        first."""
        self._part.sent(index)
        self._unread += 1
        if self._unread < _UNREAD_MAX:
            return True
        self._unread = 0
        return self._part.wait_until(lambda: self._feedback.read(sent))
