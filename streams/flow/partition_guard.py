"""Stops the worker when the topics' partition counts have changed, before it folds wrongly.

It checks three things: the counts, periodically; the assignment, before anything is folded after a
rebalance; and records whose key belongs to another partition, before their batch is made durable.
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from runtime import logs
from runtime.kafka import KafkaUnavailable
from runtime.partition_counts import PartitionCounts, WrongPartitionCounts

log = logs.get(__name__)

_TRY_AGAIN_SECONDS = 1.0


class PartitionGuard:
    """Checks of one worker. Each method raises WrongPartitionCounts if the worker must stop."""

    def __init__(
        self, counts: PartitionCounts, partitions: int, sources: Iterable[str], interval: float
    ) -> None:
        """`sources`: the names of the topics whose assigned partitions must be the same.
        `interval`: seconds between two checks of the counts."""
        self._counts = counts
        self._partitions = partitions
        self._sources = frozenset(sources)
        self._interval = interval

    async def run(self) -> None:
        """Check the counts periodically, for ever."""
        while True:
            await asyncio.sleep(self._interval)
            await self._check()

    async def check_batch(self, number: int, *, misplaced: bool = False) -> None:
        """Check a batch of partition `number`. A misplaced record is a dead letter if the counts
        are right, because then its producer is wrong. If they are wrong, the worker must stop."""
        if misplaced or number >= self._partitions:
            await self._check()
        if number >= self._partitions:
            raise WrongPartitionCounts(
                f"a record in partition {number}; kafka.partitions is {self._partitions}"
            )

    async def check_assignment(self, assigned: Iterable[Any]) -> None:
        """Check the (topic, partition) pairs that are assigned to the worker.

        Faust assigns topics with the same partition count together, and others separately: two
        workers could each have a part of one user's topics.
        """
        numbers: dict[str, set[int]] = defaultdict(set)
        for tp in assigned:
            numbers[tp.topic].add(tp.partition)
        found = [numbers[name] for name in self._sources]
        if any(one != found[0] or max(one, default=0) >= self._partitions for one in found):
            await self._check()
            log.warning("topics' partitions are not assigned together; their numbers are right")

    async def _check(self) -> None:
        """Check the counts. Waits while Kafka does not answer: nothing becomes durable
        meanwhile."""
        while True:
            try:
                trouble = await asyncio.to_thread(self._counts.check)
                break
            except KafkaUnavailable:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
        if trouble is not None:
            raise WrongPartitionCounts(trouble)
