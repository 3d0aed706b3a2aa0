"""Missing and unreadable answers of rtpengine: each kind is logged once."""

from collections import Counter

from runtime import logs, metrics

log = logs.get(__name__)


class RoundProblems:
    """A problem that lasts is logged in its first round only."""

    def __init__(self) -> None:
        self._last: set[str] = set()  # in the round before
        self._present: set[str] = set()

    def begin_round(self) -> None:
        self._last, self._present = self._present, set()

    def report(self, reason: str, detail: str) -> bool:
        """Log the problem if it is new. Returns whether it is."""
        is_new = reason not in self._last | self._present
        if is_new:
            log.error("rtpengine cannot be read completely", reason=reason, detail=detail)
        self._present.add(reason)
        return is_new


class UnreadFigures:
    """Figures in answers that no field could be read from, by cause (`rollcall_media_unread`)."""

    def __init__(self, labels: dict[str, str]) -> None:
        self._labels = labels
        self.counts: Counter[str] = Counter()

    def add(self, call_id: str, unread: Counter[str]) -> None:
        """Count one answer's. A cause is logged once: all answers of a release are alike."""
        for cause, count in unread.items():
            if not self.counts[cause]:
                log.warning("figures of a call are not all read", cause=cause, call_id=call_id)
            metrics.MEDIA_UNREAD.add(count, {**self._labels, "cause": cause})
        self.counts += unread
