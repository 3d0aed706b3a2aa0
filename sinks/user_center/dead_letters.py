"""Presence records that could not be delivered, kept in rollcall.dead-letters with the reason."""

from datetime import UTC, datetime
from typing import Any

from confluent_kafka import KafkaException, Producer

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from runtime.metrics import DEAD_LETTERS as COUNTED
from schemas.refused import refused
from schemas.topics import DEAD_LETTERS


class DeadLetters:
    """Writes dead letters so that they are safe before their record is settled. Thread-safe."""

    def __init__(self, settings: KafkaSettings, timeout: float = 10.0) -> None:
        self._settings = settings
        self._topic = settings.name(DEAD_LETTERS)
        self._timeout = timeout
        self._producer = Producer(settings.producer(**{"message.timeout.ms": int(timeout * 1000)}))

    def put(self, source: str, payload: bytes, reason: str, field: str | None = None) -> None:
        """Keep one record. `source` is TOPIC/PARTITION/OFFSET; returns when Kafka has it.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        letter = refused("user-center", source, payload, reason, field, datetime.now(tz=UTC))
        outcome: list[Any] = []
        try:
            self._producer.produce(
                self._topic,
                **letter._asdict(),
                on_delivery=lambda error, _message: outcome.append(error),
            )
        except (KafkaException, BufferError) as error:
            raise KafkaUnavailable(f"dead letter of {source}: {error}") from error
        self._producer.flush(self._timeout)
        if not outcome:
            raise KafkaUnavailable(f"dead letter of {source}: not acknowledged in time")
        if outcome[0] is not None:
            raise translate(KafkaException(outcome[0]), self._settings)
        COUNTED.add(1, {"source": "user-center", "reason": "undeliverable"})

    def close(self) -> None:
        self._producer.flush(self._timeout)
