"""What a batch causes, in the order in which it must become durable."""

from dataclasses import dataclass, field

from schemas.cloudevents import Headers
from schemas.topics import Topic


@dataclass(slots=True)
class Record:
    """One record to produce."""

    topic: Topic
    partition: int | None
    key: bytes
    value: bytes | None
    headers: Headers | None = None


@dataclass(slots=True)
class Effects:
    """Each list is acknowledged by Kafka before the next is sent, and all before the batch is.

    `announcements` go first: they are idempotent, and state must not say they were made when a
    crash swallowed them. `state` next. `publications` last: a subscriber never sees a change that
    a crash could take back; a crash in between is healed by publishing the last batch again
    (Session.batch).
    """

    announcements: list[Record] = field(default_factory=list)
    state: list[Record] = field(default_factory=list)
    publications: list[Record] = field(default_factory=list)
