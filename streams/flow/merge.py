"""One partition's session sources as one stream: records of several topics, in order of time.

Kafka keeps no order between topics. If a call were folded before the registration of the same
second, or (in a worker that catches up) an hour of calls before the first minute of registrations,
subscribers would see states that never existed. So records are merged by their timestamps, and a
record is taken only when no topic is known to hold an older one: the merge waits for a topic that
has more to read.
"""

import heapq
from collections.abc import Iterable
from typing import Any, Protocol

from runtime import logs
from schemas.topic import Topic
from streams.flow.merge_buffer import MergeBuffer

log = logs.get(__name__)

# After so many seconds and rounds of fetching without a record of a topic that is below its high
# watermark, the merge skips the topic until one arrives or the high watermark changes. Seconds
# alone do not suffice: on a busy machine fetched records wait for their turn. The time begins when
# no records of the topic are in flight.
STALL_SECONDS = 2.0
STALL_ROUNDS = 8

Run = tuple[Topic, list[Any]]


class Progress(Protocol):
    """The position of this worker's consumer in its topics."""

    def high_watermark(self, topic: Topic, number: int, written: int = 0) -> int | None:
        """A partition's end, as of the last fetch. None if it was not fetched yet, or so long
        before `written` (ms since the epoch) that an older record may lie beyond it."""

    def has_unread(self, topic: Topic, number: int, read: int, written: int = 0) -> bool:
        """Whether records written before `written` (ms) may lie beyond the offset `read`."""

    def is_in_flight(self, topic: Topic, number: int) -> bool:
        """Whether records of a partition are fetched and not handed over yet."""

    def rounds(self) -> int:
        """How often all that was fetched has been handed over."""

    def is_active(self, number: int) -> bool:
        """Whether a partition is this worker's, recovered and read."""

    def acknowledge(self, topic: Topic, number: int, offset: int) -> None:
        """All records before `offset` are folded, and their effects are durable."""


class Merge:
    """The merge of the partition `number`: `add` what was fetched, `take` what may be folded."""

    def __init__(self, topics: Iterable[Topic], number: int, progress: Progress) -> None:
        self._topics = tuple(topics)
        self._number = number
        self._progress = progress
        self._buffers: dict[str, MergeBuffer] = {}
        self._stalled_since: tuple[float, int] | None = None
        self.clear()

    def add(self, topic: Topic, records: list[Any]) -> None:
        """Add one fetched batch."""
        self._buffers[topic.name].add(records)

    def waiting(self, topic: Topic) -> int:
        """How many records of the topic wait to be taken."""
        return len(self._buffers[topic.name])

    @property
    def is_empty(self) -> bool:
        return not any(map(len, self._buffers.values()))

    def clear(self) -> None:
        """Drop all records. They are not acknowledged, so they will be read again."""
        self._buffers = {topic.name: MergeBuffer(topic) for topic in self._topics}
        self._stalled_since = None

    def take(self, now: float) -> list[Run]:
        """Runs of records in order; empty while the merge waits for a topic. Call again when a
        batch was added, and at the poll interval. `now` is in seconds of a monotonic clock."""
        buffers = self._buffers.values()
        fronts = [buffer for buffer in buffers if buffer.fill()]
        if not fronts:
            return []
        written = max(buffer.last for buffer in fronts)
        unfinished = [buffer for buffer in buffers if self._has_more(buffer, written)]
        missing = [buffer for buffer in unfinished if not buffer.has_front]
        if missing and not self._is_stalled(missing, now):
            return []
        for buffer in missing:
            self._skip(buffer, written)
        self._stalled_since = None
        return _cut(fronts, [buffer for buffer in unfinished if buffer.has_front])

    def _has_more(self, buffer: MergeBuffer, written: int) -> bool:
        """Whether the topic has records beyond the front, written before `written`."""
        if buffer.has_batches_behind:
            return True
        if buffer.skipped_until != -1:
            end = self._progress.high_watermark(buffer.topic, self._number, written)
            if buffer.skipped_until == end:
                return False
            buffer.skipped_until = -1
        return self._progress.has_unread(buffer.topic, self._number, buffer.received, written)

    def _is_stalled(self, missing: list[MergeBuffer], now: float) -> bool:
        """Whether the wait for the missing topics has timed out."""
        progress, rounds = self._progress, self._progress.rounds()
        if self._stalled_since is None or any(
            progress.is_in_flight(buffer.topic, self._number) for buffer in missing
        ):
            self._stalled_since = now, rounds
        began, first = self._stalled_since
        return now - began > STALL_SECONDS and rounds - first >= STALL_ROUNDS

    def _skip(self, buffer: MergeBuffer, written: int) -> None:
        """Wait no longer for a topic, until it delivers or its high watermark changes."""
        end = self._progress.high_watermark(buffer.topic, self._number, written)
        log.warning(
            "merge: timed out waiting for topic",
            topic=buffer.topic.name,
            partition=self._number,
            read=buffer.received,
            end=end,
        )
        buffer.skipped_until = end


def _cut(fronts: list[MergeBuffer], unfinished: list[MergeBuffer]) -> list[Run]:
    """The records up to the latest time that every topic with more to read has reached."""
    if len(fronts) == 1:  # most often: nothing to merge with
        return [(fronts[0].topic, fronts[0].take())]
    limit = min((buffer.newest for buffer in unfinished), default=None)
    parts = [
        [(record.timestamp, rank, record) for record in buffer.take(limit)]
        for rank, buffer in enumerate(fronts)
    ]
    runs: list[Run] = []
    for _, rank, record in heapq.merge(*parts, key=lambda part: part[:2]):
        topic = fronts[rank].topic
        if not runs or runs[-1][0] is not topic:
            runs.append((topic, []))
        runs[-1][1].append(record)
    return runs
