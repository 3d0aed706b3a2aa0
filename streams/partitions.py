"""The partitions a worker holds: made ready from its recovered tables, and lent to the saver."""

import asyncio
from collections.abc import Awaitable, Callable

from runtime import logs
from runtime.kafka import KafkaSettings
from schemas import topics
from streams.batches.effects import Effects
from streams.batches.partition_state import PartitionState
from streams.batches.records import presence_record
from streams.consumed import TopicPartition
from streams.faust_adapter import app as faust_app
from streams.faust_adapter.progress import ConsumerProgress
from streams.flow.failure import Failure
from streams.folds.presence import current
from streams.settings import StreamsSettings
from streams.tables.checkpointer import Held

log = logs.get(__name__)

# The tables that may become large.
SAVED = (topics.SESSIONS, topics.CONNECTION_STATE, topics.MEDIA_STATE)

# Between two pieces of the index: a million users take some twenty seconds, and half of the time.
_REST_SECONDS = 0.002

Settle = Callable[[Effects], Awaitable[None]]


class Partitions:
    """Of one worker. `settle` makes effects durable; `failure` knows of failures."""

    def __init__(
        self,
        app: faust_app.StreamsApp,
        kafka: KafkaSettings,
        settings: StreamsSettings,
        progress: ConsumerProgress,
        failure: Failure,
        settle: Settle,
    ) -> None:
        self._progress = progress
        self._kafka = kafka
        self._settings = settings
        self._failure = failure
        self._settle = settle
        self._states: dict[int, PartitionState] = {}
        self._indexing: set[asyncio.Task[bool]] = set()
        self._turn = asyncio.Lock()
        self._sessions = faust_app.table(app, kafka, topics.SESSIONS)
        self._connections = faust_app.table(app, kafka, topics.CONNECTION_STATE)
        self._media = faust_app.table(app, kafka, topics.MEDIA_STATE)
        self._nodes = faust_app.table(app, kafka, topics.NODE_STATE)

    async def get(self, number: int) -> PartitionState:
        """The partition's state; rebuilt when its tables were (re)covered since the last batch."""
        sessions = self._sessions.partition(number)
        known = self._states.get(number)
        if known is not None and known.sessions is sessions:
            return known
        state = PartitionState(
            number,
            sessions,
            self._connections.partition(number),
            self._media.partition(number),
            self._nodes.partition(number),
            self._settings.expiry_slack,
            self._settings.grace_of,
            self._settings.stale_after,
            self._kafka.partitions,
        )
        self._states[number] = state
        async with state.lock:
            await self._publish_again(state)
        state.begin_index()
        # Beside the folds: presence does not wait for it.
        indexing = asyncio.create_task(self._failure.succeeds(number, self._index(state)))
        self._indexing.add(indexing)
        indexing.add_done_callback(self._indexing.discard)
        log.info("partition live", partition=number, users=len(sessions))
        return state

    async def _publish_again(self, state: PartitionState) -> None:
        """What the last batch before a crash wrote, it may not have published."""
        sessions, effects = self._sessions.partition(state.number), Effects()
        whole = len(sessions.recent) < (sessions.recent.maxlen or 0)
        last = state.last_written(reversed(sessions.recent), whole=whole, batch=sessions.batch)
        sessions.recent.clear()
        for session in last:
            effects.publications.extend(
                presence_record(state.number, presence, None, presence.aor.encode())
                for presence in (*session.earlier, current(session))
                if presence is not None
            )
        await self._settle(effects)

    async def _index(self, state: PartitionState) -> None:
        left = True
        while left and self._states.get(state.number) is state:
            async with self._turn:  # one partition at a time, and the folds in between
                left = state.index_piece()
                await asyncio.sleep(_REST_SECONDS)

    # -- for the saver ----------------------------------------------------------------------------

    def held(self, number: int) -> list[Held]:
        """The partition's tables, as long as they are those that it was recovered with."""
        state, sessions = self._states.get(number), self._sessions.partition(number)
        if state is None or state.sessions is not sessions or self._failure.error is not None:
            return []
        tables = (
            (topics.SESSIONS, sessions, state.lock),
            (topics.CONNECTION_STATE, self._connections.partition(number), state.connections_lock),
            (topics.MEDIA_STATE, self._media.partition(number), state.media_lock),
        )
        return [
            Held(TopicPartition(self._kafka.name(t), number), table, lock)
            for t, table, lock in tables
        ]

    def last_batch(self, number: int) -> int:
        """The number of the last batch folded into the partition's sessions."""
        return self._states[number].batch

    async def ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets after the last records of changelog partitions. Raises KafkaUnavailable."""
        return await self._progress.changelog_ends(changelogs)

    # -- what there is ----------------------------------------------------------------------------

    def numbers(self) -> list[int]:
        """The partitions held since the start."""
        return sorted(self._states)

    def users(self) -> int:
        """Users in the tables."""
        return sum(len(state.sessions) for state in self._states.values())
