"""Whether media flows both ways, and how long an answer and media are waited for (pure)."""

from dataclasses import dataclass

from dialling.actions import Counts
from dialling.plan import Timing


@dataclass(slots=True)
class MediaWait:
    """Of one call, which may ring since `began`. Times are the caller's, in seconds."""

    timing: Timing
    began: float
    is_early: bool = False
    answered_at: float | None = None
    _since: float = 0.0
    _base: Counts | None = None

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None

    def restart(self, now: float) -> None:
        """From the answer on only media after it counts: a 183's may be a ringing tone."""
        self._since, self._base = now, None

    def flows(self, counts: Counts) -> bool:
        """Whether packets were counted both ways since the first question."""
        base = self._base = self._base or counts
        return counts.inbound > base.inbound and counts.outbound > base.outbound

    def is_unanswered(self, now: float) -> bool:
        """Whether the far end has rung for too long."""
        return not self.is_answered and now - self.began > self.timing.answer

    def is_mute(self, now: float) -> bool:
        """Whether it answered, and no media has come for too long."""
        return self.is_answered and now - self._since > self.timing.media
