"""What is known of the rtpengine process: that it answers, which process it is, that it is away.

Pure. The boot is the second of its start, reckoned from its uptime.
"""

from datetime import datetime, timedelta

from producers.node_marks import node_mark
from producers.receive_times import Received
from producers.rtpengine.context import Context
from producers.translated import Translated
from schemas.vocabulary import NodeKind

# By how much the uptime may lag behind the time that has passed without being another process'.
_SLACK_SECONDS = 2.0


class Node:
    """`context.boot` is kept here. `now` is monotonic seconds."""

    def __init__(self, context: Context, lost_after: float) -> None:
        self.context = context
        self._lost_after = lost_after
        self._heard = 0.0
        self._uptime: int | None = None
        self.is_up = False

    def has_restarted(self, uptime: int, now: float) -> bool:
        """Whether it is another process than the one that answered last."""
        if self._uptime is None:
            return False
        return uptime < self._uptime + (now - self._heard) - _SLACK_SECONDS

    def answered(self, uptime: int, received: Received, now: float) -> list[Translated]:
        """It said how long it has run: UP, or a heartbeat.

        What the process before it leaves behind must be published before.
        """
        restarted = self.has_restarted(uptime, now)
        kind = NodeKind.HEARTBEAT if self.is_up and not restarted else NodeKind.UP
        if self._uptime is None or restarted:
            self.context.boot = _boot(received.at, uptime)
        self._uptime, self._heard, self.is_up = uptime, now, True
        return [node_mark(kind, self.context.origin(received), uptime_seconds=uptime)]

    def silent(self, reason: str, received: Received, now: float) -> list[Translated]:
        """It did not answer: DOWN, once, when that has lasted."""
        if not self.is_up or now - self._heard < self._lost_after:
            return []
        self.is_up = False
        return [node_mark(NodeKind.DOWN, self.context.origin(received), reason=reason)]


def _boot(at: datetime, uptime: int) -> str:
    return f"up-{int((at - timedelta(seconds=uptime)).timestamp())}"
