"""The records of one topic that wait in a partition's merge."""

from collections import deque
from typing import Any

from schemas.topic import Topic

# Batches that arrive while the previous one becomes durable are folded together, up to so many
# records: each fold waits for Kafka, so one fold a batch would let batches queue. With a lower
# limit two workers took twice as long for a backlog; a higher one would delay other partitions.
MAX_BATCH_RECORDS = 1_000


class MergeBuffer:
    """A queue of batches. The merge compares the `front`, which `fill` extends from the batches."""

    __slots__ = ("_batches", "_front", "_newest", "_taken", "received", "skipped_until", "topic")

    def __init__(self, topic: Topic) -> None:
        self.topic = topic
        self.received = 0  # the offset after the last record added
        self.skipped_until: int | None = -1  # see Merge; -1: not skipped
        self._batches: deque[list[Any]] = deque()
        self._front: list[Any] = []
        self._taken = 0
        self._newest: int | None = None

    def __len__(self) -> int:
        return len(self._front) - self._taken + sum(map(len, self._batches))

    def add(self, records: list[Any]) -> None:
        """Add one fetched batch, whose list is taken over."""
        self._batches.append(records)
        self.received = records[-1].offset + 1

    def fill(self) -> bool:
        """Move batches to the front until it is large enough; whether it holds any record."""
        while self._batches and len(self._front) - self._taken < MAX_BATCH_RECORDS:
            batch = self._batches.popleft()
            if self._taken == len(self._front):
                self._front = batch
            else:
                self._front = self._front[self._taken :] + batch
            self._taken, self._newest = 0, None
        return self._taken < len(self._front)

    @property
    def has_front(self) -> bool:
        return self._taken < len(self._front)

    @property
    def has_batches_behind(self) -> bool:
        """Whether batches wait that are not in the front."""
        return bool(self._batches)

    @property
    def last(self) -> int:
        """The time of the front's last record (ms)."""
        timestamp: int = self._front[-1].timestamp
        return timestamp

    @property
    def newest(self) -> int:
        """The latest time of a record in the front (ms): not always the last one's."""
        if self._newest is None:
            self._newest = max(record.timestamp for record in self._front)
        return self._newest

    def take(self, limit: int | None = None) -> list[Any]:
        """The records of the front before the first that is younger than `limit` (ms)."""
        records, start, size = self._front, self._taken, len(self._front)
        stop = size if limit is None else start
        while stop < size and records[stop].timestamp <= limit:
            stop += 1
        self._taken = stop
        return records if (start, stop) == (0, size) else records[start:stop]
