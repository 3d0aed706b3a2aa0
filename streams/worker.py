"""The worker: sources through queues into folds; a batch is durable before it is acknowledged."""

import asyncio
import functools
from collections.abc import Callable, Coroutine, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runtime.kafka import KafkaSettings, topic_ids
from runtime.lag import LagMeter
from runtime.partition_counts import PartitionCounts, WrongPartitionCounts
from schemas.topics import CONNECTION_STATE, MEDIA_STATE, NODES, SESSIONS
from streams.batch_runner import BatchRunner
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.checkpointer import Checkpointer
from streams.consumed import SOURCES, TopicPartition
from streams.faust_adapter.app import make_app
from streams.faust_adapter.progress import ConsumerProgress
from streams.flow.failure import Failure
from streams.flow.partition_guard import PartitionGuard
from streams.flow.partition_queues import PartitionQueues
from streams.flow.producer import OrderedProducer
from streams.node_runner import NodeRunner
from streams.partitions import Partitions
from streams.settings import StreamsSettings
from streams.tables.checkpoints import Checkpoints
from streams.timekeeper import Timekeeper

# So often the lag is measured.
LAG_SECONDS = 1.0


class Worker:
    """Composes the parts of a worker, and starts and stops them."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: StreamsSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._failure = Failure()
        self._producer = OrderedProducer(kafka)
        self._guard = PartitionGuard(
            PartitionCounts(kafka, self._producer.list_topics),
            kafka.partitions,
            [kafka.name(topic) for topic in SOURCES],
            kafka.partition_check_interval.total_seconds(),
        )
        self._app = make_app(kafka, settings)
        self._progress = ConsumerProgress(self._app, kafka)
        deliver = self._producer.deliver
        self._partitions = Partitions(
            self._app, kafka, settings, self._progress, self._failure, deliver
        )
        runner = BatchRunner(self._partitions, self._progress, self._guard, deliver, clock)
        leases = Leases(settings.node_lease, settings.unwatched_lease)
        copier = NodeCopier(kafka.partitions, settings.node_tick, leases)
        nodes = NodeRunner(self._partitions, self._progress, self._guard, copier, deliver, clock)
        self._queues = PartitionQueues(
            {**runner.folds(), (NODES,): nodes.fold}, self._progress, self._failure
        )
        self._timekeeper = Timekeeper(self._partitions, runner.fold_due, nodes.check_leases, clock)
        saved = [kafka.name(topic) for topic in (SESSIONS, CONNECTION_STATE, MEDIA_STATE)]
        files = Checkpoints(
            Path(settings.data_folder) / "tables", functools.partial(topic_ids, kafka, saved)
        )
        self._checkpointer = Checkpointer(
            self._partitions, self._progress.changelog_ends, files, kafka, settings.save_interval
        )
        self._app.read(kafka, SOURCES, self._queues)
        self._app.recover(files.load, self._check_assignment)
        self._tasks: list[asyncio.Task[Any]] = []

    def start(self) -> None:
        """Begin to read and fold, and start the periodic tasks."""
        self._app.begin()
        beside: tuple[Coroutine[Any, Any, None], ...] = (
            self._timekeeper.run(),
            self._checkpointer.run(),
            self._guard.run(),
            self._measure_lag(),
        )
        self._tasks = [asyncio.create_task(self._failure.succeeds(0, work)) for work in beside]

    @property
    def failure(self) -> BaseException | None:
        """The first failure, if any: the worker must stop then."""
        return self._failure.error

    def ended(self) -> BaseException | None:
        """Why Faust has stopped, if it has."""
        return self._app.ended()

    def hindrance(self) -> str | None:
        """Why the worker runs but folds nothing, if so."""
        error = self._failure.error
        return str(error) if isinstance(error, WrongPartitionCounts) else None

    async def save(self) -> None:
        """Save the tables, for the next worker with the same data folder."""
        await self._checkpointer.save_all()

    async def stop(self) -> None:
        """Leave the group, after the current folds are durable and committed."""
        self._stop_tasks()
        await self._app.stop()
        self._queues.close()
        self._producer.close()

    async def stop_without_commit(self) -> None:
        """Leave the group without committing: what was not made durable is read again."""
        self._stop_tasks()
        self._queues.close()
        await self._app.stop_without_commit()

    def is_live(self) -> bool:
        """Whether Faust has recovered the tables and feeds the queues."""
        return self._progress.is_live()

    def status(self) -> dict[str, Any]:
        """For /status: the worker's partitions, users and folded records."""
        return {
            "folded": self._queues.folded,
            "partitions": self._partitions.numbers(),
            "users": self._partitions.users(),
            "failed": self._failure.error is not None,
        }

    async def _check_assignment(self, assigned: Iterable[TopicPartition]) -> None:
        self._partitions.release({tp.partition for tp in assigned})
        await self._failure.succeeds(0, self._guard.check_assignment(assigned))

    async def _measure_lag(self) -> None:
        meter = LagMeter("streams", interval=0)
        while True:
            meter.measure(self._progress.positions, self._progress.end_of)
            await asyncio.sleep(LAG_SECONDS)

    def _stop_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
