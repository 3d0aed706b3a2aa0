"""Why calls that rtpengine no longer lists have ended: its own counters say how many of what. Pure.

No answer names the reason of one call's end. But `statistics` counts ends by reason, and calls
that timed out are those that had been silent for longest. A call leaves the list a moment before
its end is counted, so calls wait one round for their counter.
"""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

TIMEOUTS = ("timeout", "silent-timeout", "offer-timeout")
_LONGEST = "final-timeout"
_OTHERS = ("deleted", "force-deleted", "rejected")


class Gone(NamedTuple):
    """A call no longer listed: since when nothing came from any party, and when it was made."""

    call_id: str
    silent_since: datetime
    created_at: datetime


class Reckoning:
    """Fed once a round with what is gone and the counters."""

    def __init__(self) -> None:
        self._last: Counter[str] | None = None
        self._carried: Counter[str] = Counter()
        self._waiting: list[Gone] = []

    def settle(self, gone: list[Gone], counted: Counter[str]) -> list[tuple[Gone, str | None]]:
        """Those whose end is reckoned now, with rtpengine's reason where the counters show one."""
        # A counter that went down is another process': nothing is known of these calls' ends.
        fresh = counted - self._last if self._last is not None else Counter[str]()
        self._last = counted
        told = self._carried + fresh
        ready, self._waiting = self._waiting, []
        if told.total() >= len(ready) + len(gone):
            ready = ready + gone
        else:
            self._waiting = gone
        reasons = _assign(ready, told)
        # What nobody claimed was of calls never listed, or comes before its call is missed.
        self._carried = told if self._waiting else told & fresh
        return reasons

    def restart(self) -> list[Gone]:
        """Forget the counters: another process counts anew. Those that still waited."""
        left, self._waiting = self._waiting, []
        self._last, self._carried = None, Counter()
        return left


def _assign(ready: list[Gone], told: Counter[str]) -> list[tuple[Gone, str | None]]:
    """Takes what it assigns out of `told`."""
    left = sorted(ready, key=lambda gone: gone.created_at)
    reasons: list[tuple[Gone, str | None]] = []
    while told[_LONGEST] and left:
        reasons.append((left.pop(0), _take(told, _LONGEST)))
    left.sort(key=lambda gone: gone.silent_since)
    for reason in (*TIMEOUTS, *_OTHERS):
        while told[reason] and left:
            reasons.append((left.pop(0), _take(told, reason)))
    return [*reasons, *((gone, None) for gone in left)]


def _take(told: Counter[str], reason: str) -> str:
    told[reason] -= 1
    return reason
