"""Runs batches of sessions, connections and media: check, fold, and make durable."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime

from runtime import logs
from schemas import topics
from schemas.topic import Topic
from streams.batches.batch_metrics import measure
from streams.batches.effects import Effects
from streams.batches.join_batch import CONNECTIONS, MEDIA, Join, JoinBatch
from streams.batches.partition import LockedTable, PartitionAccess
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import CONNECTION_SOURCES, MEDIA_SOURCES, MERGED_FOR_SESSIONS
from streams.flow.merge import Progress, Run
from streams.flow.partition_guard import PartitionGuard
from streams.flow.partition_queues import Fold

log = logs.get(__name__)


class BatchRunner:
    """The folds of a worker's partition queues, except that of node events."""

    def __init__(
        self,
        partitions: PartitionAccess,
        progress: Progress,
        guard: PartitionGuard,
        deliver: Callable[[Effects], Awaitable[None]],
        clock: Callable[[], datetime],
    ) -> None:
        self._partitions = partitions
        self._progress = progress
        self._guard = guard
        self._deliver = deliver
        self._clock = clock
        self._sweeping = asyncio.Lock()
        self._causes_logged: set[str] = set()

    def folds(self) -> dict[tuple[Topic, ...], Fold]:
        """The folds, by the topics that are merged for them."""
        return {
            MERGED_FOR_SESSIONS: self._fold_sessions,
            **{(topic,): self._fold_connections for topic in CONNECTION_SOURCES},
            **{(topic,): self._fold_media for topic in MEDIA_SOURCES},
        }

    async def fold_due(self, number: int) -> None:
        """Fold what is due in a partition without new records."""
        await self._fold_sessions(number, [])

    async def _fold_sessions(self, number: int, runs: list[Run]) -> bool:
        """Fold records. Returns whether no sweep is left."""
        await self._guard.check_batch(number)
        partition = await self._partitions.get(number)
        state = partition.state
        async with partition.sessions.lock:
            if state.sweeps:
                # One partition at a time, and then other tasks: records that arrive meanwhile need
                # some turns of the loop before they can be folded.
                async with self._sweeping:
                    batch = self._session_batch(state, runs)
                    await asyncio.sleep(0)
            else:
                batch = self._session_batch(state, runs)
            await self._guard.check_batch(number, misplaced=batch.misplaced)
            await self._deliver(batch.output.effects)
        measure(batch.output, self._clock())
        for cause, error in batch.output.failures.new(self._causes_logged):
            log.error("a rule failed: its user is left as before", cause=cause, exc_info=error)
        return not state.sweeps

    def _session_batch(self, state: PartitionState, runs: list[Run]) -> SessionBatch:
        written = max((records[-1].timestamp for _, records in runs), default=0)
        # Whether all registrations written before these records are folded.
        caught_up = not self._progress.has_unread(
            topics.REGISTRATIONS, state.number, state.registrations_read, written
        )
        batch = SessionBatch(state, self._clock(), caught_up=caught_up)
        for topic, records in runs:
            batch.fold(topic, records)
            if topic is topics.REGISTRATIONS:
                state.registrations_read = records[-1].offset + 1
        batch.finish()
        return batch

    async def _fold_connections(self, number: int, runs: list[Run]) -> bool:
        await self._guard.check_batch(number)
        partition = await self._partitions.get(number)
        return await self._join(CONNECTIONS, partition.state, partition.connections, runs)

    async def _fold_media(self, number: int, runs: list[Run]) -> bool:
        await self._guard.check_batch(number)
        partition = await self._partitions.get(number)
        return await self._join(MEDIA, partition.state, partition.media, runs)

    async def _join(
        self, join: Join, state: PartitionState, table: LockedTable, runs: list[Run]
    ) -> bool:
        async with table.lock:
            batch = JoinBatch(join, state.number, table.table, self._clock(), state.partitions)
            for topic, records in runs:
                batch.fold(topic, records)
            effects = batch.finish()
            await self._guard.check_batch(state.number, misplaced=batch.misplaced)
            await self._deliver(effects)
        return True
