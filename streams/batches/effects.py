"""What a batch causes, in the order in which it must become durable."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from msgspec import Struct

from schemas.cloudevents import Headers
from schemas.codec import UNREADABLE, InvalidRecord, unreadable
from schemas.refused import refused
from schemas.topics import DEAD_LETTERS, Topic


class Record(Struct, gc=False):
    """One record to produce."""

    topic: Topic
    partition: int | None
    key: bytes
    value: bytes | None
    headers: Headers | None = None


@dataclass(slots=True)
class Effects:
    """Each list is acknowledged by Kafka before the next is sent, and all before the batch is.

    `joins` go first, the records for other partitions: they are idempotent, and state must not hold
    that they were made when a crash swallowed them. `state` next, and beside it what is written
    again when its event is read again, which it is until all is durable. `presence` after that: a
    subscriber never sees a change that a crash could take back; a crash in between is healed by
    publishing the last batch again (Session.batch). `sweep_completions` last: they hold that
    something of many batches is done.
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
