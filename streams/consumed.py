"""What the worker consumes: its source topics, and a record fetched from Kafka."""

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
# What is merged for the sessions: the events of users, and commands about users.
MERGED_FOR_SESSIONS = (*SESSION_SOURCES, topics.FORGET_COMMANDS)
CONNECTION_SOURCES = (topics.CONNECTIONS, topics.CONNECTION_OWNERS)
MEDIA_SOURCES = (topics.MEDIA, topics.CALL_OWNERS)
SOURCES = (*MERGED_FOR_SESSIONS, *CONNECTION_SOURCES, *MEDIA_SOURCES, topics.NODES)


class TopicPartition(NamedTuple):
    """A partition of a topic by its name on the cluster. Equal to Faust's and aiokafka's own."""

    topic: str
    partition: int


class FetchedRecord(Struct, gc=False):
    """The used parts of a consumed record. Of the headers only the trace is kept.

    With twenty thousand of aiokafka's own records, each with a dictionary and seven headers,
    garbage collection took a sixth of the time.
    """

    partition: int
    offset: int
    timestamp: int  # ms since the epoch
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


# The end of the key of a record that is laid over a table's value under the rest of that key
# (streams/tables/overlays.py). No AOR has white space in it.
OVERLAY_END = b" refresh"
