"""The streams without Kafka: events in, presence out, through the real folds and batches.

For tests of what is decided. How batches travel is tested on a real broker (integration).
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import codec, topics
from schemas.presence import Presence
from schemas.topic import Cleanup, Topic
from streams.batches.effects import Effects
from streams.batches.join_batch import CONNECTIONS, MEDIA, JoinBatch
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import CONNECTION_SOURCES, MEDIA_SOURCES

NOW = datetime(2030, 1, 1, tzinfo=UTC)


@dataclass
class Consumed:
    """A record as a consumer hands it out."""

    key: bytes
    value: bytes
    partition: int = 0
    offset: int = 0
    headers: tuple[Any, ...] = ()


@dataclass
class Pipeline:
    """One partition of everything. `published` is rollcall.presence."""

    published: list[Presence] = field(default_factory=list)
    dead_letters: list[bytes] = field(default_factory=list)
    forgotten: list[str] = field(default_factory=list)  # tombstones there
    state: PartitionState = field(
        default_factory=lambda: PartitionState(0, {}, {}, timedelta(seconds=35))
    )
    connections: dict[bytes, bytes] = field(default_factory=dict)  # the tables beside sessions
    media: dict[bytes, bytes] = field(default_factory=dict)
    leases: Leases = field(
        default_factory=lambda: Leases(timedelta(seconds=5), timedelta(seconds=300))
    )
    now: datetime = NOW  # the worker's clock
    # How subscribers read: with every constraint, where what comes in fulfils them too.
    read: Callable[..., Presence] = codec.validate
    copier: NodeCopier = field(init=False)

    def __post_init__(self) -> None:
        self.copier = NodeCopier(1, timedelta(seconds=5), self.leases)

    def wait(self, duration: timedelta) -> None:
        """Let the worker's clock go on, and do what is due."""
        self.now += duration
        self._deliver(self.copier.expire_leases(self.now)[0])
        while self.state.is_due(self.now):
            sessions = SessionBatch(self.state, self.now)
            self._deliver(sessions.finish())
            if not self.state.sweeps:
                break

    def feed(self, topic: Topic, records: Iterable[tuple[str, Any]]) -> None:
        """Fold (key, event) records as one batch, then all that follows from it."""
        consumed = [Consumed(key.encode(), codec.encode(event)) for key, event in records]
        self._fold(topic, consumed)

    def _fold(self, topic: Topic, records: list[Consumed]) -> None:
        if topic is topics.NODES:
            self._deliver(self.copier.copy(0, records, self.now).effects)
        elif topic in CONNECTION_SOURCES:
            connections = JoinBatch(CONNECTIONS, 0, self.connections, self.now)
            connections.fold(topic, records)
            self._deliver(connections.finish())
        elif topic in MEDIA_SOURCES:
            media = JoinBatch(MEDIA, 0, self.media, self.now)
            media.fold(topic, records)
            self._deliver(media.finish())
        else:
            sessions = SessionBatch(self.state, self.now)
            sessions.fold(topic, records)
            self._deliver(sessions.finish())
            while self.state.sweeps:
                self._deliver(SessionBatch(self.state, self.now).finish())

    def _deliver(self, effects: Effects) -> None:
        for record in effects.presence:
            if record.value is None:
                self.forgotten.append(record.key.decode())
            else:
                self.published.append(self.read(Presence, record.value))
        for record in effects.joins + effects.state:
            if record.topic is topics.DEAD_LETTERS:
                self.dead_letters.append(record.value or b"")
            elif record.topic.cleanup is Cleanup.DELETE:
                self._fold(record.topic, [Consumed(record.key, record.value or b"")])

    def changes(self, user: str) -> list[str]:
        """`status cause` of each record of the user named by the AOR's user part."""
        return [
            f"{presence.status} {presence.cause}"
            for presence in self.published
            if presence.aor.startswith(f"sip:{user}@")
        ]

    def online(self) -> dict[str, list[int]]:
        """Of each reachable user, the ports of the live bindings' peers."""
        last = {presence.aor: presence for presence in self.published}
        return {
            aor.removeprefix("sip:").partition("@")[0]: sorted(
                binding.remote.port for binding in presence.bindings if binding.remote
            )
            for aor, presence in last.items()
            if presence.reachable
        }
