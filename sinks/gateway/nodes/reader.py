"""Nodes' states and events from Kafka, for the gateway's list of nodes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from confluent_kafka import Message as Record

from runtime import logs
from runtime.kafka import KafkaSettings
from runtime.log_reader import LogReader
from runtime.topic_parts import Part
from schemas.codec import InvalidRecord, decode
from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.topics import NODE_STATE, NODES
from sinks.gateway.nodes.known import KnownNodes

log = logs.get(__name__)

# Heartbeats come every second; older ones show nothing that the state does not.
_LOOK_BACK = timedelta(minutes=1)

Apply = Callable[[KnownNodes], None]


class NodeReader:
    """Belongs to the thread that runs it."""

    def __init__(self, kafka: KafkaSettings, call: Callable[[Apply], None]) -> None:
        """`call` has a function called with the nodes that it changes, in their thread.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        self._states = kafka.name(NODE_STATE)
        self._call = call
        self._has_logged = False
        # Every partition has a copy of each node's state.
        parts = [Part(NODE_STATE, (0,)), Part(NODES, since=datetime.now(UTC) - _LOOK_BACK)]
        self._log = LogReader(kafka, parts, "gateway-nodes")

    def step(self) -> None:
        """Read what is there, without waiting. Raises KafkaMisconfigured, TopicReplaced."""
        changes = [one for one in map(self._change, self._log.read()) if one is not None]

        def apply(nodes: KnownNodes) -> None:
            for change in changes:
                change(nodes)

        if changes:
            self._call(apply)

    def close(self) -> None:
        self._log.close()

    def _change(self, record: Record) -> Apply | None:
        """What a record changes. One that cannot be used is a dead letter of the streams'."""
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
            if not self._has_logged:
                self._has_logged = True
                log.warning("node record ignored (later ones are not logged)", reason=str(error))
        return None
