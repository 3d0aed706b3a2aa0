"""Timers for the expiry of bindings, by node, and for the end of users' grace."""

import heapq
from datetime import datetime, timedelta

# A timer is due up to so much after its time, never before it.
GRAIN = timedelta(seconds=1)


class Bucket:
    """The keys whose time lies within `at` and a grain later."""

    __slots__ = ("at", "keys")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.keys: list[bytes] = []


class Timers:
    """Timers of one node's users, by the second: a million so take a fifth of the memory.

    A timer is never cancelled: its owner knows whether it is still valid.
    """

    def __init__(self) -> None:
        self._buckets: dict[datetime, Bucket] = {}
        self._times: list[datetime] = []

    def set(self, key: bytes, at: datetime) -> Bucket:
        """Set a timer for a time of the node's clock; returns its bucket."""
        at = at.replace(microsecond=0)
        bucket = self._buckets.get(at)
        if bucket is None:
            bucket = self._buckets[at] = Bucket(at)
            heapq.heappush(self._times, at)
        bucket.keys.append(key)
        return bucket

    def due(self, clock: datetime, slack: timedelta) -> list[Bucket]:
        """Remove and return the buckets whose every time is at least `slack` before `clock`."""
        due = []
        # A difference: the sum of a late expiry and the slack may exceed the latest time.
        while self._times and clock - self._times[0] >= slack + GRAIN:
            due.append(self._buckets.pop(heapq.heappop(self._times)))
        return due


class GraceTimers:
    """Ends of the grace of one partition's users, by the worker's clock."""

    def __init__(self) -> None:
        self._ends: list[tuple[datetime, bytes]] = []

    def add(self, key: bytes, until: datetime) -> None:
        heapq.heappush(self._ends, (until, key))

    def is_due(self, now: datetime) -> bool:
        return bool(self._ends) and self._ends[0][0] <= now

    def take_due(self, now: datetime) -> list[bytes]:
        """Remove and return the users whose grace may be over, each once."""
        over: dict[bytes, None] = {}
        while self.is_due(now):
            over[heapq.heappop(self._ends)[1]] = None
        return list(over)
