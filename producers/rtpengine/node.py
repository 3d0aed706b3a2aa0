"""The state of the rtpengine process: up or down, and which process it is.

Pure. The boot is the second of its start, computed from its uptime.
"""

from datetime import datetime, timedelta

from producers.node_marks import node_mark
from producers.receive_times import Received
from producers.rtpengine.context import Context
from producers.translated import Translated
from schemas.vocabulary import NodeKind

# An uptime that lags this far behind the time that has passed is still the same process'.
_SLACK_SECONDS = 2.0


class Node:
    """Sets `context.boot`. `now` is monotonic seconds."""

    def __init__(self, context: Context, lost_after: float) -> None:
        self.context = context
        self._lost_after = lost_after
        self._answered_at = 0.0
        self._uptime: int | None = None
        self.is_up = False

    def has_restarted(self, uptime: int, now: float) -> bool:
        """Whether this uptime is another process' than the last answer's."""
        if self._uptime is None:
            return False
        return uptime < self._uptime + (now - self._answered_at) - _SLACK_SECONDS

    def answered(self, uptime: int, received: Received, now: float) -> list[Translated]:
        """The record of an answer to `statistics`: UP, or a heartbeat.

        After a restart the ends of the earlier process' calls are published before it.
        """
        restarted = self.has_restarted(uptime, now)
        kind = NodeKind.HEARTBEAT if self.is_up and not restarted else NodeKind.UP
        if self._uptime is None or restarted:
            self.context.boot = _boot(received.at, uptime)
        self._uptime, self._answered_at, self.is_up = uptime, now, True
        return [node_mark(kind, self.context.origin(received), uptime_seconds=uptime)]

    def silent(self, reason: str, received: Received, now: float) -> list[Translated]:
        """The record of a missing answer: DOWN, once, after `lost_after` seconds without any."""
        if not self.is_up or now - self._answered_at < self._lost_after:
            return []
        self.is_up = False
        return [node_mark(NodeKind.DOWN, self.context.origin(received), reason=reason)]


def _boot(at: datetime, uptime: int) -> str:
    return f"up-{int((at - timedelta(seconds=uptime)).timestamp())}"
