"""The node's clock, as its events show it, and never another machine's."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class NodeClock:
    """The time of the last event, plus the time since it was received."""

    elapsed: Callable[[], float] = time.monotonic
    local: Callable[[], datetime] = lambda: datetime.now(UTC)
    _at: datetime | None = None
    _received: float = 0.0

    def observe(self, at: datetime) -> None:
        """An event of this time has just been received.

        Event times tick and lag: one less than a second before this clock's time is late, and no
        sign of a clock set back.
        """
        if self._at is None or not timedelta(0) <= self.now() - at < timedelta(seconds=1):
            self._at, self._received = at, self.elapsed()

    def now(self) -> datetime:
        """The node's time; the local clock's before any event has been seen."""
        if self._at is None:
            return self.local()
        return self._at + timedelta(seconds=self.elapsed() - self._received)
