"""Lanes between Faust's agents and the folds: a partition's batches in order, beside all others'.

While one partition's batch becomes durable, another's is folded. Lanes are short, so that Faust
stops fetching when folding falls behind. Only what is durable is acknowledged.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from runtime import logs, metrics
from runtime.partition_counts import WrongPartitionCounts
from schemas.topics import Topic
from streams.flow.merge import LOOK, TOGETHER, Merge, Reading, Run
from streams.flow.merge_buffer import Front

log = logs.get(__name__)

# Of a lane without merging: topic, partition, records.
Process = Callable[[Topic, int, list[Any]], Awaitable[None]]
# Of a merged lane: partition and runs; whether nothing of it is left to do.
Fold = Callable[[int, list[Run]], Awaitable[bool]]
PassOn = Callable[[Topic, Any], Awaitable[None]]


class Lanes:
    """`failure` is set by the first batch that fails; nothing behind it is acknowledged."""

    def __init__(
        self,
        merged: tuple[Topic, ...],
        fold: Fold,
        reading: Reading,
    ) -> None:
        """`merged` topics go together into `fold`."""
        self._merged = merged
        self._fold = fold
        self._reading = reading
        # Topics whose agent waits with a batch until its partition has room: behind it there may
        # be others of any partition.
        self._waiting: set[str] = set()
        self._queues: dict[tuple[str, int], asyncio.Queue[Any]] = {}
        self._merges: dict[int, Merge] = {}
        self._tasks: list[asyncio.Future[None]] = []
        self.failure: BaseException | None = None
        self.folded = 0

    async def merge(self, topic: Topic, event: Any) -> None:
        """Take a batch of one of the merged topics."""
        self._waiting.add(topic.name)
        try:
            await self._merge(event.message.partition).put(topic, event)
        finally:
            self._waiting.remove(topic.name)

    def beside(self, process: Process) -> PassOn:
        """What takes the batches of a topic that is not merged."""

        async def pass_on(topic: Topic, event: Any) -> None:
            await self._queue(topic, process, event.message.partition).put(event)

        return pass_on

    async def succeeds(self, partition: int, work: Awaitable[Any]) -> bool:
        """Do it; False, and a failure, when it raises. After a failure nothing is begun."""
        if self.failure is not None:
            if asyncio.iscoroutine(work):
                work.close()
            return False
        try:
            await work
        except WrongPartitionCounts as error:
            self.failure = error
            return False
        except Exception as error:
            log.critical("batch failed; the worker stops", partition=partition, exc_info=error)
            self.failure = error
            return False
        return True

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _queue(self, topic: Topic, process: Process, partition: int) -> "asyncio.Queue[Any]":
        queue = self._queues.get((topic.name, partition))
        if queue is None:
            queue = self._queues[topic.name, partition] = asyncio.Queue(maxsize=2)
            work = self._work(topic, process, partition, queue)
            self._tasks.append(asyncio.ensure_future(work))
        return queue

    def _merge(self, number: int) -> Merge:
        merge = self._merges.get(number)
        if merge is None:
            merge = Merge(self._merged, number, self._reading, self._waiting)
            self._merges[number] = merge
            self._tasks.append(asyncio.ensure_future(self._work_merged(number, merge)))
        return merge

    async def _work(
        self, topic: Topic, process: Process, partition: int, queue: "asyncio.Queue[Any]"
    ) -> None:
        while True:
            front = Front(await queue.get())
            while not queue.empty() and len(front) < TOGETHER:
                front.add(queue.get_nowait())
            records, events = front.take(len(front))
            if not await self.succeeds(partition, process(topic, partition, records)):
                return
            for event in events:
                event.ack()
            self._count(topic, records)

    async def _work_merged(self, number: int, merge: Merge) -> None:
        finished = True
        unacknowledged: list[Any] = []

        async def fold(runs: list[Run]) -> None:
            nonlocal finished
            finished = await self._fold(number, runs)

        while True:
            if not finished and not self._reading.is_flowing():
                # In the middle of a sweep, which a rebalance need not wait for: who has the
                # partition next reads its event again.
                for event in unacknowledged:
                    self._reading.forget(event)
                unacknowledged.clear()
                merge.drop()
            if not finished and not self._reading.has(number):
                await asyncio.sleep(LOOK)
                continue
            runs, ended = await merge.take(wait=finished)
            if not await self.succeeds(number, fold(runs)):
                return
            unacknowledged += ended
            for topic, records in runs:
                self._count(topic, records)
            if finished:  # see streams/batches/sweep.py
                for event in unacknowledged:
                    event.ack()
                unacknowledged.clear()

    def _count(self, topic: Topic, records: list[Any]) -> None:
        self.folded += len(records)
        metrics.FOLDED.add(len(records), {"topic": topic.name})
