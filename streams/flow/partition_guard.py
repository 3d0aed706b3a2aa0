"""Nothing is folded wrongly after topics were given more partitions: the worker stops before.

Three looks, each at what may be wrong first: the counts, now and then; the assignment, before what
follows a rebalance is folded; a record whose key belongs into another partition, before its batch
is made durable.
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
    """Of one worker. Each method raises WrongPartitionCounts where the worker must stop."""

    def __init__(
        self, counts: PartitionCounts, partitions: int, sources: Iterable[str], interval: float
    ) -> None:
        """`sources`: the names of the topics of which one worker must have the same partitions."""
        self._counts = counts
        self._partitions = partitions
        self._sources = frozenset(sources)
        self._interval = interval

    async def run(self) -> None:
        """Look every so many seconds, for ever."""
        while True:
            await asyncio.sleep(self._interval)
            await self._look()

    async def check_batch(self, number: int, *, misplaced: bool = False) -> None:
        """Of partition `number`. A record out of place is a dead letter if the counts are right:
        then its producer is wrong. Else it was right when its topic had as many as it should."""
        if misplaced or number >= self._partitions:
            await self._look()
        if number >= self._partitions:
            raise WrongPartitionCounts(
                f"a record in partition {number}; kafka.partitions is {self._partitions}"
            )

    async def check_assignment(self, assigned: Iterable[Any]) -> None:
        """Of the (topic, partition) that the worker has been given.

        Faust gives the topics of one count together, and those of another count by themselves: two
        workers would each have a part of what belongs to one user.
        """
        numbers: dict[str, set[int]] = defaultdict(set)
        for tp in assigned:
            numbers[tp.topic].add(tp.partition)
        found = [numbers[name] for name in self._sources]
        if any(one != found[0] or max(one, default=0) >= self._partitions for one in found):
            await self._look()
            log.warning("topics' partitions are not assigned together; their numbers are right")

    async def _look(self) -> None:
        """Waits while Kafka does not answer: nothing becomes durable then anyway."""
        while True:
            try:
                trouble = await asyncio.to_thread(self._counts.check)
                break
            except KafkaUnavailable:
                await asyncio.sleep(_TRY_AGAIN_SECONDS)
        if trouble is not None:
            raise WrongPartitionCounts(trouble)
