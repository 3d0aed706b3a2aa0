"""The log's records as the folds read them, which of them concern one user, and in what order.

Pure. Other users' records are skipped by their key. Of their registrations only node and time are
read, because these move the node clocks that expire bindings.
"""

import heapq
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from operate.explain.events import ReportedEvent
from schemas import topics
from schemas.topic import Topic
from schemas.vocabulary import CallKind, Source
from streams import models
from streams.consumed import SESSION_SOURCES

_AOR = b"sip:"  # prefix of a user's key; marks have their node as key, legs without a user their id
_CALLS_LISTED = f'"{CallKind.SNAPSHOT_ENDED}"'.encode()


class LogRecord(Struct, gc=False):
    """A consumed record, as the folds read it. `timestamp` is when it was produced, in ms."""

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
    """The part of one partition that is read: offsets from `begin` up to `end`.

    `oldest` is when its first record was produced, known once that is read. `complete` means that
    no record was ever before it, `skipped` that the topic still holds records before it.
    """

    topic: Topic
    partition: int
    begin: int
    end: int
    complete: bool
    oldest: datetime | None = None
    skipped: bool = False


class NodeTime(Struct, gc=False):
    """The fields that are read of another user's registration: the time on a node's clock."""

    node: str
    at: datetime


read_node_time = msgspec.json.Decoder(NodeTime).decode


def concerns(record: LogRecord, key: bytes) -> bool:
    """Whether the folds must see it for the user with this key."""
    if record.key == key or record.topic is topics.NODE_CHANGES:
        return True
    if (record.key or b"").startswith(_AOR):
        return False
    if record.topic is topics.CALLS:  # else a leg without a user: a trunk's, an application's
        return _CALLS_LISTED in (record.value or b"")
    return record.topic is topics.REGISTRATIONS


def by_time(sources: Iterable[Iterator[LogRecord]]) -> Iterator[LogRecord]:
    """Merge as the worker merges its sources: by time of production, then by topic."""
    ranks = {topic.name: rank for rank, topic in enumerate(SESSION_SOURCES)}
    return heapq.merge(*sources, key=lambda record: (record.timestamp, ranks[record.topic.name]))


def reported_event(record: LogRecord) -> ReportedEvent:
    """The event in a record; of a record that cannot be decoded, its place in the log."""
    try:
        event = models.decode(record.topic.model, record.value or b"")
    except models.InvalidRecord:
        place = f"{record.topic.name}/{record.partition}/{record.offset}"
        return ReportedEvent(
            id=place,
            kind="unreadable",
            source="",
            node="",
            at=record.produced,
            produced=record.produced,
        )
    kind = getattr(event, "kind", "") or getattr(event, "cause", "media")
    return ReportedEvent(
        id=event.id,
        kind=str(kind),
        source=str(getattr(event, "source", Source.STREAMS)),
        node=event.node,
        at=event.at,
        produced=record.produced,
    )
