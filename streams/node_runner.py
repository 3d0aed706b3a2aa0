"""Runs batches of node events: copies to all partitions, and leases that expire."""

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from typing import Protocol

from runtime import logs, metrics
from schemas.topic import Topic
from schemas.topics import NODES
from streams.batches.effects import Effects
from streams.batches.node_batch import NodeCopier
from streams.batches.partition import PartitionAccess
from streams.flow.merge import Run
from streams.flow.partition_guard import PartitionGuard

log = logs.get(__name__)

# Kafka answers a waiting fetch twice a second. After an outage, producers' events may take so long
# to arrive again (librdkafka's reconnect.backoff.max.ms).
KAFKA_SILENCE_SECONDS = 1.5
PRODUCERS_RETURN = timedelta(seconds=10)


class NodeProgress(Protocol):
    """The state of a worker's consumer, checked before a node is lost."""

    def has_unread(self, topic: Topic, number: int, read: int) -> bool:
        """Whether records may lie beyond the offset `read` of a partition."""

    def kafka_silence(self) -> float:
        """Seconds since a broker last answered."""


class NodeRunner:
    """Folds node events, and keeps the leases of the nodes whose events this worker reads."""

    def __init__(
        self,
        partitions: PartitionAccess,
        progress: NodeProgress,
        guard: PartitionGuard,
        copier: NodeCopier,
        deliver: Callable[[Effects], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._partitions = partitions
        self._progress = progress
        self._guard = guard
        self._copier = copier
        self._deliver = deliver
        self._clock = clock
        self._read: dict[int, int] = {}  # by partition, the offset after what is folded

    async def fold(self, number: int, runs: list[Run]) -> bool:
        """Copy the events that every partition needs."""
        records = [record for _, run in runs for record in run]
        await self._guard.check_batch(number)
        await self._begin_leases(number)
        batch = self._copier.copy(number, records, self._clock())
        await self._guard.check_batch(number, misplaced=batch.misplaced)
        await self._deliver(batch.effects)
        self._read[number] = records[-1].offset + 1
        return True

    async def check_leases(self) -> None:
        """Publish the loss of nodes whose leases have expired."""
        numbers = self._partitions.assigned()
        leases = self._copier.leases
        leases.retain(numbers)
        for number in numbers:
            await self._begin_leases(number)
        # Leases are suspended while Kafka is unreachable, or node events are unread.
        if self._progress.kafka_silence() > KAFKA_SILENCE_SECONDS:
            leases.suspend(self._clock() + PRODUCERS_RETURN)
        leases.suspend(self._clock(), self._unread(numbers))
        effects, lost = self._copier.expire_leases(self._clock())
        for lease in lost:
            log.warning("node lost: its lease expired", node=lease.node, boot=lease.boot)
            metrics.NODES_LOST.add(1, {"node": lease.node})
        if lost:
            await self._deliver(effects)

    async def _begin_leases(self, number: int) -> None:
        if not self._copier.leases.has_begun(number):
            nodes = (await self._partitions.get(number)).state.nodes
            self._copier.begin_leases(number, nodes, self._clock())

    def _unread(self, numbers: list[int]) -> Iterable[int]:
        """The partitions that have unread node events."""
        return [
            number
            for number in numbers
            if self._progress.has_unread(NODES, number, self._read.get(number, 0))
        ]
