"""The log's records as the folds read them, which of them concern one user, and in what order.

Pure. Other users' records are passed over by their key; of their registrations only the time they
tell is read, for it moves the clocks that expire bindings.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from schemas import topics
from schemas.topics import Topic
from schemas.vocabulary import CallKind
from streams.consumed import SESSION_SOURCES

_AOR = b"sip:"  # how a user's key begins; those of marks are nodes, and of nobody's legs, leg ids
_CALLS_LISTED = f'"{CallKind.SNAPSHOT_ENDED}"'.encode()


class Logged(Struct, gc=False):
    """A consumed record, as the folds read it. `timestamp`: of its production, ms."""

    topic: Topic
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()

    @property
    def produced(self) -> datetime:
        return datetime.fromtimestamp(self.timestamp / 1000, UTC)


class Span(Struct):
    """What is read of one partition of a topic: offsets from `begin` up to `end`.

    `oldest` is when the first record in it was produced, known once it is read. `complete`: nothing
    was ever before it. `skipped`: the topic holds records before it.
    """

    topic: Topic
    partition: int
    begin: int
    end: int
    complete: bool
    oldest: datetime | None = None
    skipped: bool = False


class NodeTime(Struct, gc=False):
    """What another user's registration event tells this one: the time on a node."""

    node: str
    at: datetime


read_node_time = msgspec.json.Decoder(NodeTime).decode


def concerns(record: Logged, key: bytes) -> bool:
    """Whether the folds must see it for the user with this key."""
    if record.key == key or record.topic is topics.NODE_CHANGES:
        return True
    if (record.key or b"").startswith(_AOR):
        return False
    if record.topic is topics.CALLS:  # else a leg of nobody's: a trunk's, an application's
        return _CALLS_LISTED in (record.value or b"")
    return record.topic is topics.REGISTRATIONS


def by_time(sources: Iterable[Iterator[Logged]]) -> Iterator[Logged]:
    """As the worker merges its sources (streams/flow/merge.py): by production, then by topic."""
    ranks = {topic.name: rank for rank, topic in enumerate(SESSION_SOURCES)}
    return heapq.merge(*sources, key=lambda record: (record.timestamp, ranks[record.topic.name]))
