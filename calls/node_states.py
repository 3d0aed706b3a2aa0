"""Kafka → nodes' states: what the streams know of each node's process, from the beginning."""

import time
from collections.abc import Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas.codec import InvalidRecord, decode
from schemas.internal import NodeState
from schemas.topics import NODE_STATE

_GROUP = "calls-nodes"
_FETCH = 500
_TIMEOUT_SECONDS = 10.0
_STALL_SECONDS = 60.0
# An empty partition shows its end after so long.
_OPTIONS = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
log = logs.get(__name__)


class NodeStates:
    """Commits nothing. Belongs to one thread."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises KafkaUnavailable, KafkaMisconfigured."""
        self._kafka = kafka
        self._consumer = Consumer(kafka.consumer(_GROUP, **_OPTIONS))
        self._at_end, name = False, kafka.name(NODE_STATE)
        try:
            # Without known leaders the first fetch would wait a second for the next metadata.
            self._consumer.list_topics(name, timeout=_TIMEOUT_SECONDS)
        except KafkaException as error:
            self._consumer.close()
            raise translate(error, kafka) from error
        # Every partition has a copy of each node's state.
        self._consumer.assign([TopicPartition(name, 0, OFFSET_BEGINNING)])

    def read_present(self) -> Iterator[tuple[str, NodeState | None]]:
        """All states up to the topic's end. Raises KafkaUnavailable."""
        deadline = time.monotonic() + _STALL_SECONDS
        while not self._at_end:
            if time.monotonic() > deadline:
                servers = self._kafka.bootstrap_servers
                raise KafkaUnavailable(f"Kafka at {servers}: nodes' states were not read in time")
            yield from self.read(0.1)

    def read(self, seconds: float = 0.0) -> Iterator[tuple[str, NodeState | None]]:
        """What is there, by node; None: nothing is known of the node any more."""
        for message in self._consumer.consume(_FETCH, seconds):
            if (failure := message.error()) is None:
                yield from _state(message)
            elif failure.code() == KafkaError._PARTITION_EOF:
                self._at_end = True
            else:
                log.warning("error while reading nodes' states", error=failure.str())

    def close(self) -> None:
        self._consumer.close()


def _state(message: Message) -> Iterator[tuple[str, NodeState | None]]:
    """One that cannot be read is the streams' to report: it is their own table."""
    value = message.value()
    try:
        node = (message.key() or b"").decode()
        yield node, None if value is None else decode(NodeState, value)
    except (InvalidRecord, UnicodeDecodeError) as error:
        log.warning("node state ignored", offset=message.offset(), reason=str(error))
