"""Bounds for log lines that strangers cause: of each kind some at once, then few, then a count.

Libraries log each malformed request and each failed accept. A flood of those must fill no disk.
"""

import logging
import time
from collections.abc import Callable

# Of one kind: so many lines at once, and one more each so many seconds.
_BURST = 10
_SECONDS = 6.0
# Kinds are templates of messages in libraries' code: few.
_KINDS_MAX = 200


class BoundedKinds:
    """How many lines of each kind may be written. Pure: `now` is given, in seconds."""

    def __init__(self, burst: int = _BURST, seconds: float = _SECONDS) -> None:
        self._burst = burst
        self._seconds = seconds
        # By kind: when all of its lines are available again, and how many were left out.
        self._full_at: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def admit(self, kind: str, now: float) -> int | None:
        """None: leave the line out. Else write it; so many like it were left out before."""
        if kind not in self._full_at and len(self._full_at) >= _KINDS_MAX:
            kind = ""
        full_at = max(now, self._full_at.get(kind, now))
        if full_at - now > (self._burst - 1) * self._seconds:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return None
        self._full_at[kind] = full_at + self._seconds
        return self._left_out.pop(kind, 0)


class BoundedLog(logging.Filter):
    """A filter of the standard library's loggers. A kind: a message's first line, not formatted."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._kinds = BoundedKinds()
        self._clock = clock

    def filter(self, record: logging.LogRecord) -> bool:
        # asyncio puts what differs on the following lines.
        first_line = str(record.msg).partition("\n")[0]
        left_out = self._kinds.admit(f"{record.name} {first_line}"[:200], self._clock())
        if left_out:
            record.msg = f"{record.msg} ({left_out} more before)"
        return left_out is not None
