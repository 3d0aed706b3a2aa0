"""The records that a batch writes, in the order in which they must become durable."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.cloudevents import Headers
from schemas.codec import UNREADABLE, InvalidRecord, unreadable
from schemas.refused import refused
from schemas.topic import Topic
from schemas.topics import DEAD_LETTERS


class Record(Struct, gc=False):
    """One record to produce."""

    topic: Topic
    partition: int | None
    key: bytes
    value: bytes | None
    headers: Headers | None = None


@dataclass(slots=True)
class Effects:
    """The lists of a batch. Kafka acknowledges each before the next is sent.

    The batch is acknowledged when all are. Until then its events are read again after a crash.

    - `joins`, records for other partitions, go first. They are idempotent. If state were written
      first, a crash could lose them, because state records that they were sent.
    - `state` has the changelogs, owners and dead letters.
    - `presence` follows: no crash can take back a change that a subscriber has seen. After a crash
      between the two the last batch is published again (Session.batch).
    - `sweep_completions` are last: they record that a sweep of several batches has ended.
    """

    joins: list[Record] = field(default_factory=list)
    state: list[Record] = field(default_factory=list)
    presence: list[Record] = field(default_factory=list)
    sweep_completions: list[Record] = field(default_factory=list)


def refusal(topic: Topic, record: Any, error: Exception, now: datetime) -> Record:
    """The dead letter of a consumed record that could not be used.

    `error` is what a decoder or a rule raised.
    """
    reason, field = f"{type(error).__name__}: {error}", None
    if isinstance(error, UNREADABLE):
        error = unreadable(error)
    if isinstance(error, InvalidRecord):
        reason, field = error.reason, error.field
    place = f"{topic.name}/{record.partition}/{record.offset}"
    letter = refused("streams", place, record.value or b"", reason, field, now)
    return Record(DEAD_LETTERS, None, *letter)
