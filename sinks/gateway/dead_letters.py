"""Presence records that nobody can be told, kept in rollcall.dead-letters with the reason."""

from datetime import UTC, datetime

from confluent_kafka import KafkaError, KafkaException, Producer

from runtime import logs
from runtime.kafka import KafkaSettings
from runtime.metrics import DEAD_LETTERS as COUNTED
from schemas.codec import InvalidRecord
from schemas.refused import refused
from schemas.topics import DEAD_LETTERS

log = logs.get(__name__)

_CLOSE_SECONDS = 5.0


class DeadLetters:
    """Written beside the reading, which never waits: no offset is committed that one would fence.

    Every gateway, at each of its starts, writes the same letter of the same record.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = settings.name(DEAD_LETTERS)
        self._producer = Producer(settings.producer())
        self.count = 0

    def put(self, source: str, payload: bytes, error: InvalidRecord) -> None:
        """Keep one record. `source` is TOPIC/PARTITION/OFFSET. It never raises."""
        letter = refused(
            "gateway", source, payload, error.reason, error.field, datetime.now(tz=UTC)
        )
        self.count += 1
        COUNTED.add(1, {"source": "gateway", "reason": "undecodable"})
        log.error("dead letter", source=source, reason=str(error))
        try:
            self._producer.produce(self._topic, **letter._asdict(), on_delivery=_delivered)
        except (KafkaException, BufferError) as failure:
            log.warning("dead letter not kept", source=source, error=str(failure))
        self.poll()

    def poll(self) -> None:
        """Let what was delivered, or was not, be noticed."""
        self._producer.poll(0)

    def close(self) -> None:
        self._producer.flush(_CLOSE_SECONDS)


def _delivered(error: KafkaError | None, message: object) -> None:
    del message
    if error is not None:
        log.warning("dead letter not kept", error=error.str())
