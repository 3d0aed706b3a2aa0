"""What is due though no event comes: leases that run out, sweeps to go on with, graces that end."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Protocol

from runtime import logs, metrics
from runtime.partitioner import partition_of
from streams.batches.effects import Effects
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.batches.partition_state import PartitionState

log = logs.get(__name__)

# How often what is due by the clock is looked for.
TICK_SECONDS = 0.25
# Kafka answers a waiting fetch twice a second. After it was away, producers need this long to be
# heard again (librdkafka's reconnect.backoff.max.ms).
KAFKA_SILENCE_SECONDS = 1.5
PRODUCERS_RETURN = timedelta(seconds=10)


class Wards(Protocol):
    """What the timekeeper looks after: a worker and its partitions."""

    def assigned(self) -> list[int]:
        """The partitions that are this worker's and recovered; none while it is not live."""

    def kafka_silence(self) -> float:
        """Seconds since a broker last answered."""

    def nodes_unread(self, numbers: list[int]) -> list[int]:
        """The partitions in which words of nodes wait that are not read yet."""

    async def partition(self, number: int) -> PartitionState: ...

    async def fold_what_is_due(self, number: int) -> None: ...

    async def settle(self, effects: Effects) -> None: ...


class Timekeeper:
    """Of one worker. `clock` is the worker's."""

    def __init__(
        self,
        wards: Wards,
        leases: Leases,
        copier: NodeCopier,
        partitions: int,
        clock: Callable[[], datetime],
    ) -> None:
        self._wards = wards
        self._leases = leases
        self._copier = copier
        self._partitions = partitions
        self._clock = clock

    async def run(self, succeeds: Callable[[int, Awaitable[None]], Awaitable[bool]]) -> None:
        """Tick until something fails."""
        while await succeeds(0, self._tick()):
            continue

    async def begin_leases(self, number: int) -> None:
        """Of the nodes whose own events come in this partition."""
        if self._leases.has_begun(number):
            return
        nodes = (await self._wards.partition(number)).nodes.items()
        known = [
            (node, state)
            for node, state in nodes
            if partition_of(node.encode(), self._partitions) == number
        ]
        self._leases.begin(number, known, self._clock())

    async def _tick(self) -> None:
        await asyncio.sleep(TICK_SECONDS)
        numbers = self._wards.assigned()
        self._leases.retain(numbers)
        for number in numbers:
            await self.begin_leases(number)
            if (await self._wards.partition(number)).is_due(self._clock()):
                await self._wards.fold_what_is_due(number)
        if self._wards.kafka_silence() > KAFKA_SILENCE_SECONDS:
            self._leases.excuse(self._clock() + PRODUCERS_RETURN)
        # What a worker that is behind has not read cannot have been silent.
        self._leases.excuse(self._clock(), self._wards.nodes_unread(numbers))
        effects, lost = self._copier.lose(self._clock())
        for lease in lost:
            log.warning("node lost: its lease ran out", node=lease.node, boot=lease.boot)
            metrics.NODES_LOST.add(1, {"node": lease.node})
        if lost:
            await self._wards.settle(effects)
