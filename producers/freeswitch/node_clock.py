"""The node's clock, as its events show it: no clock of another machine is ever mixed in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


@dataclass(slots=True)
class NodeClock:
    """Reads on from the last event's time by the time since its receipt."""

    elapsed: Callable[[], float] = time.monotonic
    local: Callable[[], datetime] = lambda: datetime.now(UTC)
    _at: datetime | None = None
    _received: float = 0.0

    def saw(self, at: datetime) -> None:
        """An event of this time has just been received.

        Event times tick and lag, so one that says less than a second before what this clock shows
        is late, not a clock set back.
        """
        if self._at is None or not timedelta(0) <= self.now() - at < timedelta(seconds=1):
            self._at, self._received = at, self.elapsed()

    def now(self) -> datetime:
        """The node's time; the local clock's before any event has been seen."""
        if self._at is None:
            return self.local()
        return self._at + timedelta(seconds=self.elapsed() - self._received)
