"""The partitions of a worker, made ready from its recovered tables."""

import asyncio
from collections.abc import Awaitable, Callable

from runtime import logs
from runtime.kafka import KafkaSettings
from schemas import topics
from streams.batches.effects import Effects
from streams.batches.last_batch import last_batch
from streams.batches.partition import LockedTable, Partition
from streams.batches.partition_state import PartitionState
from streams.batches.records import presence_record
from streams.faust_adapter.app import StreamsApp, add_table
from streams.faust_adapter.progress import ConsumerProgress
from streams.flow.failure import Failure
from streams.folds.presence import current
from streams.settings import StreamsSettings

log = logs.get(__name__)

# Pause between two pieces of the index: a million users take about twenty seconds, half of it
# pauses.
_REST_SECONDS = 0.002

Deliver = Callable[[Effects], Awaitable[None]]


class Partitions:
    """The `streams.batches.partition.PartitionAccess` of a worker."""

    def __init__(
        self,
        app: StreamsApp,
        kafka: KafkaSettings,
        settings: StreamsSettings,
        progress: ConsumerProgress,
        failure: Failure,
        deliver: Deliver,
    ) -> None:
        """`deliver` makes effects durable."""
        self._kafka = kafka
        self._settings = settings
        self._progress = progress
        self._failure = failure
        self._deliver = deliver
        self._partitions: dict[int, Partition] = {}
        self._indexing: set[asyncio.Task[bool]] = set()
        self._turn = asyncio.Lock()
        self._sessions = add_table(app, kafka, topics.SESSIONS)
        self._connections = add_table(app, kafka, topics.CONNECTION_STATE)
        self._media = add_table(app, kafka, topics.MEDIA_STATE)
        self._nodes = add_table(app, kafka, topics.NODE_STATE)

    def assigned(self) -> list[int]:
        return self._progress.assigned()

    async def get(self, number: int) -> Partition:
        known = self._partitions.get(number)
        if known is not None and known.sessions.table is self._sessions.partition(number):
            return known
        partition = self._partitions[number] = self._recovered(number)
        async with partition.sessions.lock:
            await self._publish_again(partition)
        partition.state.index.begin()
        # In the background: presence does not wait for it.
        indexing = asyncio.create_task(self._failure.succeeds(number, self._index(partition)))
        self._indexing.add(indexing)
        indexing.add_done_callback(self._indexing.discard)
        log.info("partition live", partition=number, users=len(partition.sessions.table))
        return partition

    def current(self, number: int) -> Partition | None:
        known = self._partitions.get(number)
        if known is None or self._failure.error is not None:
            return None
        return known if known.sessions.table is self._sessions.partition(number) else None

    def numbers(self) -> list[int]:
        """The partitions that were made ready and are still this worker's."""
        return sorted(self._partitions)

    def release(self, kept: set[int]) -> None:
        """Free all partitions but the kept ones: others are another worker's now."""
        self._partitions = {n: known for n, known in self._partitions.items() if n in kept}

    def users(self) -> int:
        """Users in the tables."""
        return sum(len(partition.sessions.table) for partition in self._partitions.values())

    def _recovered(self, number: int) -> Partition:
        sessions = self._sessions.partition(number)
        return Partition(
            number,
            PartitionState(
                number,
                sessions,
                self._nodes.partition(number),
                self._settings.expiry_slack,
                self._settings.grace_of,
                self._settings.stale_after,
                self._kafka.partitions,
                refreshes=sessions.overlays,
                short_refreshes=self._settings.short_refreshes,
            ),
            LockedTable(topics.SESSIONS, sessions),
            LockedTable(topics.CONNECTION_STATE, self._connections.partition(number)),
            LockedTable(topics.MEDIA_STATE, self._media.partition(number)),
        )

    async def _publish_again(self, partition: Partition) -> None:
        """Publish the last batch again: after a crash it may be written and not published."""
        sessions, effects = partition.sessions.table, Effects()
        whole = len(sessions.recent) < (sessions.recent.maxlen or 0)
        partition.state.batch, last = last_batch(
            sessions, reversed(sessions.recent), whole=whole, published=sessions.batch
        )
        sessions.recent.clear()
        for session in last:
            effects.presence.extend(
                presence_record(partition.number, presence, None, presence.aor.encode())
                for presence in (*session.earlier, current(session))
                if presence is not None
            )
        await self._deliver(effects)

    async def _index(self, partition: Partition) -> None:
        left = True
        while left and self._partitions.get(partition.number) is partition:
            async with self._turn:  # one partition at a time, folds in between
                left = partition.state.index.index_piece()
                await asyncio.sleep(_REST_SECONDS)
