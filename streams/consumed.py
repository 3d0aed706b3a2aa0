"""What the worker consumes: its source topics, and a record as it is fetched from Kafka."""

from typing import NamedTuple

from msgspec import Struct

from schemas import topics

SESSION_SOURCES = (
    topics.REGISTRATIONS,
    topics.CALLS,
    topics.CONNECTION_LOSSES,
    topics.MEDIA_UPDATES,
    topics.NODE_CHANGES,
)
CONNECTION_SOURCES = (topics.CONNECTIONS, topics.CONNECTION_OWNERS)
MEDIA_SOURCES = (topics.MEDIA, topics.CALL_OWNERS)
SOURCES = (*SESSION_SOURCES, *CONNECTION_SOURCES, *MEDIA_SOURCES, topics.NODES)


class TopicPartition(NamedTuple):
    """A partition of a topic by its name on the cluster. Equal to Faust's and aiokafka's own."""

    topic: str
    partition: int


class FetchedRecord(Struct, gc=False):
    """What is read of a consumed record. Of headers: the trace only.

    Twenty thousand of aiokafka's own, each with a dictionary and seven headers, would keep the
    garbage collector busy for a sixth of the time.
    """

    partition: int
    offset: int
    timestamp: int  # ms since the epoch
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
