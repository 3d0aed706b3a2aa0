"""How long a replay waits: as long as something moves. Reports how far it is, to stderr."""

import time
from collections.abc import Callable

import typer

from cli.errors import ReplayTimeout

# Without any progress; a stage that died is back sooner.
STALL_SECONDS = 60.0
REPORT_SECONDS = 5.0


class Patience:
    """Raises ReplayTimeout when what is left stays the same for `seconds`."""

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        """`seconds`: longer than any pause of what is waited for."""
        self._seconds = seconds
        self._clock = clock
        self._left: str | None = None
        self._moved_at = self._reported_at = clock()

    def wait(self, left: str, done: Callable[[], str]) -> None:
        """Call it again and again with what is left; `done` is how far it is, as text.

        Prints it every few seconds. Raises ReplayTimeout.
        """
        now = self._clock()
        if left != self._left:
            self._left, self._moved_at = left, now
        if now - self._moved_at > self._seconds:
            raise ReplayTimeout(
                f"the replay gave up: nothing has moved for {self._seconds:.0f} s; {done()}; "
                f"not processed: {left}"
            )
        if now - self._reported_at >= REPORT_SECONDS:
            self._reported_at = now
            typer.echo(f"… {done()}; {left}", err=True)
