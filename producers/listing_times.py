"""When a producer lists its registrar: at its start, after events may be lost, and periodically.

A listing concludes nothing about what was confirmed up to 2 s before it began, for it may have been
made before (streams.folds.ordering.LISTING_LAG). So one that is to make up for lost events is
followed by another, which covers those seconds too.
"""

# Seconds between two listings that an event asked for, or of which the first failed.
PAUSE_SECONDS = 2.0
AGAIN_SECONDS = 4.0


class ListingTimes:
    """Times are seconds of one monotonic clock. `ask` may be called from any thread."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._asked = True
        self._makes_up = False
        self._began: float | None = None
        self._due = 0.0

    def ask(self) -> None:
        """Events may have been lost: list soon."""
        self._asked = True

    def is_due(self, now: float) -> bool:
        """Whether to list now."""
        if self._began is not None and now - self._began < PAUSE_SECONDS:
            return False
        return self._asked or now >= self._due

    def begin(self, now: float) -> None:
        """A listing begins; what asks from here on needs another."""
        self._began, self._makes_up, self._asked = now, self._asked, False

    def end(self, *, succeeded: bool = True) -> None:
        """It has ended, published or not."""
        assert self._began is not None
        wait = min(AGAIN_SECONDS, self._interval) if self._makes_up else self._interval
        self._due = self._began + wait
        if not succeeded:
            self._asked = True
