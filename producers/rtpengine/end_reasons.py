"""The reasons of calls that rtpengine no longer lists, from its counters of ended calls. Pure.

No NG answer names the reason of one call's end. But `statistics` counts ended calls by reason, and
calls that timed out are those without packets for the longest time. A call leaves the list shortly
before it is counted, so calls wait one round for their counter.
"""

from collections import Counter
from datetime import datetime
from typing import NamedTuple

from producers.rtpengine.answers import Figures

TIMEOUTS = ("timeout", "silent-timeout", "offer-timeout")
_LONGEST = "final-timeout"
_OTHERS = ("deleted", "force-deleted", "rejected")


class EndedCall(NamedTuple):
    """A call no longer listed: its last figures, its last packet's time, its creation's."""

    call_id: str
    figures: Figures
    silent_since: datetime
    created_at: datetime


Ended = list[tuple[EndedCall, str | None]]


class EndReasons:
    """Takes each round's ended calls and counters."""

    def __init__(self) -> None:
        self._counted: Counter[str] | None = None  # the last round's counters
        self._left_over: Counter[str] = Counter()  # counted, and of no call so far
        self._waiting: list[EndedCall] = []

    def assign(self, ended: list[EndedCall], counted: Counter[str]) -> Ended:
        """The calls whose reason is decided now; None where the counters show none.

        `counted` holds rtpengine's counters since its start.
        """
        # A counter that went down is another process': it does not count these calls.
        new = counted - self._counted if self._counted is not None else Counter[str]()
        self._counted = counted
        available = self._left_over + new
        ready, self._waiting = self._waiting, []
        if available.total() >= len(ready) + len(ended):
            ready = ready + ended
        else:
            self._waiting = ended
        assigned = _assign(ready, available)
        # What is left was of calls never listed, or was counted before its call left the list.
        self._left_over = available if self._waiting else available & new
        return assigned

    def reset(self) -> list[EndedCall]:
        """Forget the counters of a process that has ended. Returns the calls that still waited."""
        waiting, self._waiting = self._waiting, []
        self._counted, self._left_over = None, Counter()
        return waiting


def _assign(ready: list[EndedCall], available: Counter[str]) -> Ended:
    """Removes from `available` what it assigns."""
    left = sorted(ready, key=lambda call: call.created_at)
    assigned: Ended = []
    while available[_LONGEST] and left:
        assigned.append((left.pop(0), _take(available, _LONGEST)))
    left.sort(key=lambda call: call.silent_since)
    for reason in (*TIMEOUTS, *_OTHERS):
        while available[reason] and left:
            assigned.append((left.pop(0), _take(available, reason)))
    return [*assigned, *((call, None) for call in left)]


def _take(available: Counter[str], reason: str) -> str:
    available[reason] -= 1
    return reason
