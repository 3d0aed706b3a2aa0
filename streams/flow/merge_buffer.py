"""A topic's batches that are folded next, as one: their records, and which batches these end."""

from collections import deque
from typing import Any


class Front:
    """Of one topic in one partition. An `event` holds a batch's records as its value."""

    __slots__ = ("_ends", "_newest", "_taken", "records")

    def __init__(self, event: Any) -> None:
        self.records: list[Any] = event.value  # those that are not taken, and before them others
        self._taken = 0
        self._ends = deque([(event, len(event.value))])
        self._newest: int | None = None

    def __len__(self) -> int:
        return len(self.records) - self._taken

    def add(self, event: Any) -> None:
        """The batch that follows."""
        self.records = self.records[self._taken :] + event.value
        self._ends = deque((known, end - self._taken) for known, end in self._ends)
        self._ends.append((event, len(self.records)))
        self._taken = 0
        self._newest = None

    @property
    def newest(self) -> int:
        """The latest time of a record (ms): not always the last one's."""
        if self._newest is None:
            self._newest = max(record.timestamp for record in self.records)
        return self._newest

    def until(self, limit: int | None) -> int:
        """How many of the records come before the first that is younger than `limit` (ms)."""
        records, size = self.records, len(self.records)
        stop = size if limit is None else self._taken
        while stop < size and records[stop].timestamp <= limit:
            stop += 1
        return stop - self._taken

    def take(self, count: int) -> tuple[list[Any], list[Any]]:
        """So many records, and the events of the batches that end with them."""
        start, stop = self._taken, self._taken + count
        whole = start == 0 and stop == len(self.records)
        records = self.records if whole else self.records[start:stop]
        self._taken = stop
        ended = []
        while self._ends and self._ends[0][1] <= stop:
            ended.append(self._ends.popleft()[0])
        return records, ended

    def events(self) -> list[Any]:
        """Of the batches that are not taken to their end."""
        return [event for event, _ in self._ends]
