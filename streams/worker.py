"""The worker: one thin agent a topic; a batch is durable before it is acknowledged."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from faust.types import TP

from runtime import logs, metrics
from runtime.kafka import KafkaSettings
from schemas import topics
from schemas.topics import Topic
from streams import app as faust_app
from streams.batch import SessionBatch, presence_record
from streams.connection_batch import ConnectionBatch
from streams.effects import Effects
from streams.merging import Merge, Run
from streams.node_batch import NodeCopier
from streams.outbox import Outbox
from streams.partition import PartitionState
from streams.presence_fold import current
from streams.settings import StreamsSettings

log = logs.get(__name__)

# Producers a worker: one waits for its acknowledgements while others are filled.
OUTBOXES = 4

Process = Callable[[Topic, int, list[Any]], Awaitable[None]]


class Worker:
    """Owns the Faust app, the tables and the outbox. `failure` is set when it must die."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: StreamsSettings,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._kafka = kafka
        self._clock = clock
        self._outboxes = [Outbox(kafka) for _ in range(min(OUTBOXES, kafka.partitions))]
        self._lanes: dict[tuple[str, int], asyncio.Queue[Any]] = {}
        self._merges: dict[int, Merge] = {}
        self._tasks: list[asyncio.Future[None]] = []
        self._partitions: dict[int, PartitionState] = {}
        self._copier = NodeCopier(kafka.partitions, settings.node_tick)
        self.failure: BaseException | None = None
        self.folded = 0
        self.app = faust_app.make_app(kafka, settings)
        self._sessions = faust_app.table(self.app, kafka, topics.SESSIONS)
        self._connections = faust_app.table(self.app, kafka, topics.CONNECTION_STATE)
        self._nodes = faust_app.table(self.app, kafka, topics.NODE_STATE)
        for topic in faust_app.SESSION_SOURCES:
            self._agent(topic, lambda topic, event: self._merge(event).put(topic, event))
        for topic in faust_app.CONNECTION_SOURCES:
            self._agent(topic, self._beside(self._fold_connections))
        self._agent(topics.NODES, self._beside(self._copy_nodes))

    def _agent(self, topic: Topic, pass_on: Callable[[Topic, Any], Awaitable[None]]) -> None:
        async def agent(stream: Any) -> None:
            stream.enable_acks = False  # done once the batch is durable
            async for event in stream.events():
                await pass_on(topic, event)

        channel = faust_app.source(self.app, self._kafka, topic)
        self.app.agent(channel, name=topic.name, concurrency=1)(agent)

    def _merge(self, event: Any) -> Merge:
        number = event.message.partition
        merge = self._merges.get(number)
        if merge is None:
            merge = self._merges[number] = Merge(
                faust_app.SESSION_SOURCES, lambda topic: self._ends(topic, number)
            )
            self._tasks.append(asyncio.ensure_future(self._work_merged(number, merge)))
        return merge

    def _beside(self, process: Process) -> Callable[[Topic, Any], Awaitable[None]]:
        async def pass_on(topic: Topic, event: Any) -> None:
            await self._lane(topic, process, event.message.partition).put(event)

        return pass_on

    def _lane(self, topic: Topic, process: Process, partition: int) -> "asyncio.Queue[Any]":
        """The queue of one partition of a topic that is not merged: in order, beside all others.

        While one partition's batch becomes durable, another's is folded. Bounded, so that Faust
        stops fetching when folding falls behind.
        """
        queue = self._lanes.get((topic.name, partition))
        if queue is None:
            queue = self._lanes[topic.name, partition] = asyncio.Queue(maxsize=2)
            self._tasks.append(asyncio.ensure_future(self._work(topic, process, partition, queue)))
        return queue

    async def _work(
        self, topic: Topic, process: Process, partition: int, queue: "asyncio.Queue[Any]"
    ) -> None:
        while True:
            event = await queue.get()
            if not await self._done(partition, process(topic, partition, event.value)):
                return
            event.ack()
            self._count(topic, event.value)

    async def _work_merged(self, number: int, merge: Merge) -> None:
        while True:
            runs, ended = await merge.take()
            if not await self._done(number, self._fold_sessions(number, runs)):
                return
            for event in ended:
                event.ack()
            for topic, records in runs:
                self._count(topic, records)

    async def _done(self, partition: int, work: Awaitable[None]) -> bool:
        """Whether the work succeeded; if not, nothing of or behind it is acknowledged."""
        try:
            await work
        except Exception as error:
            log.critical("batch failed; the worker stops", partition=partition, exc_info=error)
            self.failure = error
            return False
        return True

    def _count(self, topic: Topic, records: list[Any]) -> None:
        self.folded += len(records)
        metrics.FOLDED.add(len(records), {"topic": topic.name})

    async def _fold_sessions(self, number: int, runs: list[Run]) -> None:
        partition = await self._partition(number)
        async with partition.lock:
            batch = SessionBatch(partition, self._clock(), caught_up=self._caught_up(partition))
            for topic, records in runs:
                batch.fold(topic, records)
                if topic is topics.REGISTRATIONS:
                    partition.registrations_read = records[-1].offset + 1
            await self._settle(number, batch.finish())
        _measure(batch)

    def _ends(self, topic: Topic, number: int) -> tuple[int, int | None]:
        """Where reading a partition began or goes on, and its end as last heard of."""
        tp = TP(self._kafka.name(topic), number)
        consumer = self.app.consumer
        end = consumer.highwater(tp) if tp in consumer.assignment() else 0
        return consumer.resumed_at(tp), end

    def _caught_up(self, partition: PartitionState) -> bool:
        """Whether the partition's registrations are folded up to the end last heard of."""
        began, end = self._ends(topics.REGISTRATIONS, partition.number)
        return end is not None and max(partition.registrations_read, began) >= end

    async def _fold_connections(self, topic: Topic, number: int, records: list[Any]) -> None:
        partition = await self._partition(number)
        async with partition.connections_lock:
            batch = ConnectionBatch(number, partition.connections, self._clock())
            batch.fold(topic, records)
            await self._settle(number, batch.finish())

    async def _copy_nodes(self, topic: Topic, number: int, records: list[Any]) -> None:
        del topic
        await self._settle(number, self._copier.copy(records, self._clock()))

    async def _settle(self, number: int, effects: Effects) -> None:
        """Make effects durable; a partition's always through the same producer, so in order."""
        await self._outboxes[number % len(self._outboxes)].settle(effects)

    async def _partition(self, number: int) -> PartitionState:
        """The partition's state; rebuilt when its tables were (re)covered since the last batch."""
        sessions = self._sessions.partition(number)
        known = self._partitions.get(number)
        if known is not None and known.sessions is sessions:
            return known
        state = PartitionState(
            number,
            sessions,
            self._connections.partition(number),
            self._nodes.partition(number),
            self._settings.expiry_slack,
        )
        self._partitions[number] = state
        async with state.lock:
            # What the last batch before a crash wrote, it may not have published.
            effects = Effects()
            for session in state.load():
                last = current(session)
                effects.publications.extend(
                    presence_record(number, presence, None, presence.aor.encode())
                    for presence in (*session.earlier, last)
                    if presence is not None
                )
            await self._settle(number, effects)
        log.info("partition live", partition=number, users=len(sessions))
        return state

    def is_live(self) -> bool:
        """Whether Faust has recovered the tables and feeds the agents."""
        return bool(
            self.app.consumer.flow_active
            and self.app.tables.recovery.completed.is_set()
            and self.app.consumer.assignment()
        )

    def status(self) -> dict[str, Any]:
        """For /status: what this worker holds and has done."""
        return {
            "folded": self.folded,
            "partitions": sorted(self._partitions),
            "users": sum(len(state.sessions) for state in self._partitions.values()),
            "failed": self.failure is not None,
        }

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for outbox in self._outboxes:
            outbox.close()


def _measure(batch: SessionBatch) -> None:
    for fence, count in batch.fences.items():
        metrics.FENCED.add(count, {"fence": fence})
    for cause, count in batch.causes.items():
        metrics.PRESENCE_CHANGES.add(count, {"cause": cause})
    # A histogram's record costs as much as a fold: a sample of each batch is enough.
    for at in batch.told_at[:: len(batch.told_at) // 16 + 1]:
        metrics.PRESENCE_DELAY.record(max(0.0, (batch.now - at).total_seconds()))
