"""Nodes' states and events from Kafka, for the gateway's list of nodes."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, TopicPartition
from confluent_kafka import Message as Record

from runtime import logs
from runtime.kafka import KafkaSettings, translate
from schemas.codec import InvalidRecord, decode
from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.topics import NODE_STATE, NODES
from sinks.gateway.nodes.known import KnownNodes

log = logs.get(__name__)

_GROUP = "gateway-nodes"
_FETCH = 500
_TIMEOUT_SECONDS = 5.0
# Heartbeats come every second; older ones show nothing that the state does not.
_LOOK_BACK = timedelta(minutes=1)

Apply = Callable[[KnownNodes], None]


class NodeReader:
    """The consumer of one process; commits nothing. Belongs to the thread that runs it."""

    def __init__(self, kafka: KafkaSettings, call: Callable[[Apply], None]) -> None:
        """`call` has a function called with the nodes that it changes, in their thread.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        self._states, self._events = kafka.name(NODE_STATE), kafka.name(NODES)
        self._call = call
        self._has_logged = False
        self._consumer = Consumer(kafka.consumer(_GROUP))
        since = int((time.time() - _LOOK_BACK.total_seconds()) * 1000)
        try:
            events = self._consumer.offsets_for_times(
                [TopicPartition(self._events, n, since) for n in range(kafka.partitions)],
                _TIMEOUT_SECONDS,
            )
        except KafkaException as error:
            self._consumer.close()
            raise translate(error, kafka) from error
        # Every partition has a copy of each node's state.
        self._consumer.assign([TopicPartition(self._states, 0, OFFSET_BEGINNING), *events])

    def step(self) -> None:
        """Read what is there, without waiting."""
        read = map(self._change, self._consumer.consume(_FETCH, 0))
        changes = [change for change in read if change is not None]

        def apply(nodes: KnownNodes) -> None:
            for change in changes:
                change(nodes)

        if changes:
            self._call(apply)

    def close(self) -> None:
        self._consumer.close()

    def _change(self, record: Record) -> Apply | None:
        """What a record changes. One that cannot be used is a dead letter of the streams'."""
        if (failure := record.error()) is not None:
            self._log_once("error while reading nodes", failure.str())
            return None
        key, value = record.key() or b"", record.value()
        try:
            if record.topic() == self._states:
                name, state = key.decode(), decode(NodeState, value) if value else None
                return lambda nodes: nodes.set_state(name, state)
            if value is not None:
                event = decode(NodeEvent, value)
                at = datetime.fromtimestamp((record.timestamp()[1] or 0) / 1000, UTC)
                return lambda nodes: nodes.hear(event, at)
        except (InvalidRecord, UnicodeDecodeError) as error:
            self._log_once("node record ignored", str(error))
        return None

    def _log_once(self, what: str, reason: str) -> None:
        if not self._has_logged:
            self._has_logged = True
            log.warning(f"{what} (later ones are not logged)", reason=reason)
