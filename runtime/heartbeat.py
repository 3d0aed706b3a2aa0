"""Whether a stage's main loop still runs: the liveness probe is answered from another thread."""

import time
from collections.abc import Callable

# Longer than any fold, recovery or collection of garbage takes.
LIMIT_SECONDS = 30.0


class Heartbeat:
    """The loop calls `beat` each time round; `clock` is in seconds, for any thread."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._last: float | None = None

    def beat(self) -> None:
        """The loop runs."""
        self._last = self._clock()

    def rest(self) -> None:
        """The loop waits on purpose: nothing is expected until the next beat."""
        self._last = None

    def stuck(self) -> str | None:
        """What is wrong, where a beat is overdue."""
        last = self._last
        if last is None or (silent := self._clock() - last) <= LIMIT_SECONDS:
            return None
        return f"the main loop has not run for {silent:.0f} s"
