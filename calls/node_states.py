"""Kafka → nodes' states: what the streams know of each node's process, from the beginning."""

from collections.abc import Iterator

from confluent_kafka import Message

from runtime import logs
from runtime.kafka import KafkaSettings
from runtime.log_reader import QUICK, LogReader
from runtime.topic_parts import Part
from schemas.codec import InvalidRecord, decode
from schemas.internal import NodeState
from schemas.topics import NODE_STATE

log = logs.get(__name__)


class NodeStates:
    """Belongs to one thread."""

    def __init__(self, kafka: KafkaSettings) -> None:
        """Raises KafkaUnavailable, KafkaMisconfigured."""
        # Every partition has a copy of each node's state.
        self._log = LogReader(kafka, [Part(NODE_STATE, (0,))], "calls-nodes", options=QUICK)

    def read_present(self) -> Iterator[tuple[str, NodeState | None]]:
        """All states up to the topic's end. Raises KafkaUnavailable, KafkaMisconfigured."""
        for message in self._log.read_to_end():
            yield from _state(message)

    def read(self) -> Iterator[tuple[str, NodeState | None]]:
        """What is there, by node; None: nothing is known of the node any more.

        Raises KafkaMisconfigured, TopicReplaced.
        """
        for message in self._log.read():
            yield from _state(message)

    def close(self) -> None:
        self._log.close()


def _state(message: Message) -> Iterator[tuple[str, NodeState | None]]:
    """One that cannot be read is the streams' to report: it is their own table."""
    value = message.value()
    try:
        node = (message.key() or b"").decode()
        yield node, None if value is None else decode(NodeState, value)
    except (InvalidRecord, UnicodeDecodeError) as error:
        log.warning("node state ignored", offset=message.offset(), reason=str(error))
