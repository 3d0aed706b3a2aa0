"""The worker: sources through queues into folds; a batch is durable before it is acknowledged."""

import asyncio
import functools
from collections.abc import Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runtime import logs
from runtime.kafka import KafkaSettings, topic_ids
from runtime.lag import LagMeter
from runtime.partition_counts import PartitionCounts, WrongPartitionCounts
from schemas import topics
from schemas.topics import Topic
from streams import partitions
from streams.batches.batch_metrics import measure
from streams.batches.effects import Effects
from streams.batches.join_batch import CONNECTIONS, MEDIA, Join, JoinBatch
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import CONNECTION_SOURCES, MEDIA_SOURCES, SESSION_SOURCES, SOURCES
from streams.faust_adapter import app as faust_app
from streams.faust_adapter.progress import ConsumerProgress
from streams.flow.failure import Failure
from streams.flow.merge import Run
from streams.flow.partition_guard import PartitionGuard
from streams.flow.partition_queues import Fold, PartitionQueues
from streams.flow.producer import Outbox
from streams.partitions import Partitions
from streams.settings import StreamsSettings
from streams.tables.checkpointer import Saver
from streams.tables.checkpoints import SavedTables
from streams.timekeeper import Timekeeper

log = logs.get(__name__)

# So often the lag is measured.
LAG_SECONDS = 1.0


class Worker:
    """Owns the Faust app, the tables, the partition queues and the producer."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: StreamsSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._clock = clock
        self._outbox = Outbox(kafka)
        self.app = faust_app.make_app(kafka, settings)
        self._progress = ConsumerProgress(self.app, kafka)
        counts = PartitionCounts(kafka, self._outbox.list_topics)
        self._guard = PartitionGuard(
            counts,
            kafka.partitions,
            [kafka.name(topic) for topic in SOURCES],
            kafka.partition_check_interval.total_seconds(),
        )
        self._failure = Failure()
        folds: dict[tuple[Topic, ...], Fold] = {
            SESSION_SOURCES: self._fold_sessions,
            **{(topic,): self._fold_connections for topic in CONNECTION_SOURCES},
            **{(topic,): self._fold_media for topic in MEDIA_SOURCES},
            (topics.NODES,): self._copy_nodes,
        }
        self._queues = PartitionQueues(folds, self._progress, self._failure)
        self.app.read(kafka, SOURCES, self._queues)
        self._nodes_read: dict[int, int] = {}  # by partition of rollcall.nodes, the offset after
        self._sweeping = asyncio.Lock()
        self._causes_logged: set[str] = set()
        leases = Leases(settings.node_lease, settings.unwatched_lease)
        self._copier = NodeCopier(kafka.partitions, settings.node_tick, leases)
        self._timekeeper = Timekeeper(self, leases, self._copier, kafka.partitions, clock)
        self._partitions = Partitions(
            self.app, kafka, settings, self._progress, self._failure, self.settle
        )
        files = SavedTables(
            Path(settings.data_folder) / "tables",
            functools.partial(topic_ids, kafka, [kafka.name(topic) for topic in partitions.SAVED]),
        )
        self.app.tables.recovery.load = files.load
        self.app.tables.check_assignment = self._check_assignment
        self._saver = Saver(self._partitions, self.assigned, files, settings.save_interval)

    @property
    def failure(self) -> BaseException | None:
        """Set when the worker must die."""
        return self._failure.error

    def hindrance(self) -> str | None:
        """Why nothing is folded though the worker lives, if so."""
        return str(self.failure) if isinstance(self.failure, WrongPartitionCounts) else None

    async def keep_time(self) -> None:
        """Do what is due though no event comes, until something fails."""
        beside = [
            asyncio.create_task(self._failure.succeeds(0, work))
            for work in (self._saver.run(), self._guard.run(), self._measure_lag())
        ]
        try:
            await self._timekeeper.run(self._failure.succeeds)
        finally:
            for task in beside:
                task.cancel()

    async def _measure_lag(self) -> None:
        meter = LagMeter("streams", interval=0)
        while True:
            meter.measure(self._progress.positions, self._progress.end_of)
            await asyncio.sleep(LAG_SECONDS)

    async def save(self) -> None:
        """Save the tables, for a worker that starts in the same place after this one."""
        await self._saver.save_all()

    async def stop_without_commit(self) -> None:
        """Leave the group, and commit no more: what was not made durable is read again."""
        self._queues.close()
        self.app.consumer.commits_nothing = True
        await self.app.stop()

    async def _check_assignment(self, assigned: Iterable[Any]) -> None:
        await self._failure.succeeds(0, self._guard.check_assignment(assigned))

    async def _fold_sessions(self, number: int, runs: list[Run]) -> bool:
        """Whether nothing is left to sweep."""
        await self._guard.check_batch(number)
        partition = await self.partition(number)
        async with partition.lock:
            if partition.sweeps:
                # One partition's piece at a time, and then everybody else: what comes in meanwhile
                # needs some turns of the loop on its way to a fold.
                async with self._sweeping:
                    batch = self._batch(partition, runs)
                    await asyncio.sleep(0)
            else:
                batch = self._batch(partition, runs)
            await self._guard.check_batch(number, misplaced=batch.misplaced)
            await self.settle(batch.effects)
        measure(batch, self._clock())
        for cause, error in batch.failures.news(self._causes_logged):
            log.error("a rule failed: its user is left as before", cause=cause, exc_info=error)
        return not partition.sweeps

    def _batch(self, partition: PartitionState, runs: list[Run]) -> SessionBatch:
        written = max((records[-1].timestamp for _, records in runs), default=0)
        caught_up = self._caught_up(partition, written)
        batch = SessionBatch(partition, self._clock(), caught_up=caught_up)
        for topic, records in runs:
            batch.fold(topic, records)
            if topic is topics.REGISTRATIONS:
                partition.registrations_read = records[-1].offset + 1
        batch.finish()
        return batch

    async def fold_what_is_due(self, number: int) -> None:
        await self._fold_sessions(number, [])

    def _caught_up(self, partition: PartitionState, written: int) -> bool:
        """Whether the registrations before what was `written` then (ms) are known to be folded."""
        read = partition.registrations_read
        return not self._progress.has_unread(topics.REGISTRATIONS, partition.number, read, written)

    async def _fold_connections(self, number: int, runs: list[Run]) -> bool:
        await self._guard.check_batch(number)
        partition = await self.partition(number)
        async with partition.connections_lock:
            await self._join(CONNECTIONS, partition, partition.connections, runs)
        return True

    async def _fold_media(self, number: int, runs: list[Run]) -> bool:
        await self._guard.check_batch(number)
        partition = await self.partition(number)
        async with partition.media_lock:
            await self._join(MEDIA, partition, partition.media, runs)
        return True

    async def _join(
        self,
        join: Join,
        partition: PartitionState,
        table: MutableMapping[bytes, bytes],
        runs: list[Run],
    ) -> None:
        batch = JoinBatch(join, partition.number, table, self._clock(), self._kafka.partitions)
        for topic, records in runs:
            batch.fold(topic, records)
        effects = batch.finish()
        await self._guard.check_batch(partition.number, misplaced=batch.misplaced)
        await self.settle(effects)

    async def _copy_nodes(self, number: int, runs: list[Run]) -> bool:
        records = [record for _, run in runs for record in run]
        await self._guard.check_batch(number)
        await self._timekeeper.begin_leases(number)
        effects = self._copier.copy(number, records, self._clock())
        await self._guard.check_batch(number, misplaced=self._copier.misplaced)
        await self.settle(effects)
        self._nodes_read[number] = records[-1].offset + 1
        return True

    async def settle(self, effects: Effects) -> None:
        """Make effects durable; all through one producer, so in order."""
        await self._outbox.settle(effects)

    async def partition(self, number: int) -> PartitionState:
        """The partition's state, as of its last recovery."""
        return await self._partitions.get(number)

    def is_live(self) -> bool:
        """Whether Faust has recovered the tables and feeds the queues."""
        return self._progress.is_live()

    def assigned(self) -> list[int]:
        """The partitions that are this worker's and recovered; none while it is not live."""
        return self._progress.assigned()

    def kafka_silence(self) -> float:
        """Seconds since a broker last answered."""
        return self._progress.kafka_silence()

    def nodes_unread(self, numbers: list[int]) -> list[int]:
        """The partitions of rollcall.nodes that are not read to the end last heard of."""
        return [
            number
            for number in numbers
            if self._progress.has_unread(topics.NODES, number, self._nodes_read.get(number, 0))
        ]

    def status(self) -> dict[str, Any]:
        """For /status: what this worker holds and has done."""
        return {
            "folded": self._queues.folded,
            "partitions": self._partitions.numbers(),
            "users": self._partitions.users(),
            "failed": self.failure is not None,
        }

    def close(self) -> None:
        self._queues.close()
        self._outbox.close()
