"""When users of one node may have expired bindings: keys by the second, the earliest first.

By the second because a million timers then take a fifth of the memory that one each would.
"""

import heapq
from datetime import datetime, timedelta

# A timer rings up to so much after its moment, never before it.
GRAIN = timedelta(seconds=1)


class Bucket:
    """The keys whose moment lies within `at` and a grain later."""

    __slots__ = ("at", "keys")

    def __init__(self, at: datetime) -> None:
        self.at = at
        self.keys: list[bytes] = []


class Timers:
    """Of one node. A timer is never taken out: who set it knows whether it is still meant."""

    def __init__(self) -> None:
        self._buckets: dict[datetime, Bucket] = {}
        self._moments: list[datetime] = []

    def set(self, key: bytes, moment: datetime) -> Bucket:
        """Wait for a moment of the node's clock; gives where the timer lies."""
        at = moment.replace(microsecond=0)
        bucket = self._buckets.get(at)
        if bucket is None:
            bucket = self._buckets[at] = Bucket(at)
            heapq.heappush(self._moments, at)
        bucket.keys.append(key)
        return bucket

    def due(self, clock: datetime, slack: timedelta) -> list[Bucket]:
        """Take out the buckets whose every moment is at least `slack` before `clock`."""
        due = []
        # Subtracted, so that no time is too late to be reckoned with.
        while self._moments and clock - self._moments[0] >= slack + GRAIN:
            due.append(self._buckets.pop(heapq.heappop(self._moments)))
        return due
