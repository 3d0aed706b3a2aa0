"""Queues between the consumer and the folds: each partition's records in order.

While the batch of one partition becomes durable, another's is folded. A full queue has no room: the
consumer does not read its partition until it has. Records are acknowledged when their effects are
durable.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runtime import metrics
from schemas.topic import Topic
from streams.flow.failure import Failure
from streams.flow.merge import Merge, Progress, Run

# So many records of a topic in a partition make a queue full: about two fetches of small records.
MAX_WAITING_RECORDS = 2_000
# Poll interval of a queue that waits for a topic, or for its partition to be live.
POLL_SECONDS = 0.1

# Folds runs of records of a partition. Returns whether no sweep is left; if one is, further calls,
# with or without records, continue it.
Fold = Callable[[int, list[Run]], Awaitable[bool]]


class PartitionQueues:
    """One queue a partition for each group of topics that are merged and folded together."""

    def __init__(
        self,
        folds: Mapping[tuple[Topic, ...], Fold],
        progress: Progress,
        failure: Failure,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = {topic.name: group for group in folds for topic in group}
        self._folds = folds
        self._progress = progress
        self._failure = failure
        self._clock = clock
        self._queues: dict[tuple[str, int], _PartitionQueue] = {}
        self._tasks: dict[_PartitionQueue, asyncio.Task[None]] = {}

    @property
    def folded(self) -> int:
        """Records folded so far."""
        return sum(queue.folded for queue in self._tasks)

    def has_room(self, topic: Topic, number: int) -> bool:
        """Whether more records of a partition may be added."""
        queue = self._queues.get((topic.name, number))
        return queue is None or queue.merge.waiting(topic) < MAX_WAITING_RECORDS

    def add(self, topic: Topic, number: int, records: list[Any]) -> None:
        """Add one fetched batch of a partition."""
        queue = self._queues.get((topic.name, number)) or self._begin(topic, number)
        queue.add(topic, records)

    async def drain(self) -> None:
        """Drop the waiting records, and return when none are being folded.

        Dropped records are not acknowledged: the partition's next owner reads them again.
        """
        for queue in self._tasks:
            queue.merge.clear()
        await asyncio.gather(*(queue.drain() for queue in self._tasks))

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()

    def _begin(self, topic: Topic, number: int) -> "_PartitionQueue":
        group = self._groups[topic.name]
        queue = _PartitionQueue(group, number, self._folds[group], self._progress, self._clock)
        for one in group:
            self._queues[one.name, number] = queue
        self._tasks[queue] = asyncio.create_task(queue.run(self._failure))
        return queue


class _PartitionQueue:
    """The records of one partition's group of topics, and the task that folds them."""

    def __init__(
        self,
        group: tuple[Topic, ...],
        number: int,
        fold: Fold,
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self.merge = Merge(group, number, progress)
        self.folded = 0
        self._number = number
        self._fold = fold
        self._progress = progress
        self._clock = clock
        self._arrived = asyncio.Event()
        self._folding = asyncio.Lock()
        self._is_done = True  # whether no sweep is left
        self._unacknowledged: dict[str, tuple[Topic, int]] = {}  # the offset after what is folded

    def add(self, topic: Topic, records: list[Any]) -> None:
        self.merge.add(topic, records)
        self._arrived.set()

    async def run(self, failure: Failure) -> None:
        """Fold the records that the merge returns, until something fails."""
        while True:
            async with self._folding:
                while self._is_done or self._progress.is_active(self._number):
                    runs = self.merge.take(self._clock())
                    if not runs and self._is_done:
                        break
                    if not await failure.succeeds(self._number, self._fold_and_acknowledge(runs)):
                        return
            await self._arrival()

    async def drain(self) -> None:
        async with self._folding:
            # The events of an unfinished sweep are not acknowledged, and are read again.
            self._unacknowledged.clear()

    async def _fold_and_acknowledge(self, runs: list[Run]) -> None:
        self._is_done = await self._fold(self._number, runs)
        for topic, records in runs:
            self._unacknowledged[topic.name] = topic, records[-1].offset + 1
            self.folded += len(records)
            metrics.FOLDED.add(len(records), {"topic": topic.name})
        if self._is_done:  # see streams/batches/sweep.py
            for topic, offset in self._unacknowledged.values():
                self._progress.acknowledge(topic, self._number, offset)
            self._unacknowledged.clear()

    async def _arrival(self) -> None:
        """Wait for records; if records wait or a sweep is left, for the poll interval at most."""
        has_work = not self.merge.is_empty or not self._is_done
        try:
            async with asyncio.timeout(POLL_SECONDS if has_work else None):
                await self._arrived.wait()
        except TimeoutError:
            return
        self._arrived.clear()
