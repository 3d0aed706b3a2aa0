"""Undecodable records → the dead-letters topic, with where they stood and what was wrong."""

from datetime import UTC, datetime

from confluent_kafka import KafkaError, Producer

from runtime import metrics
from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas import topics
from schemas.codec import InvalidRecord
from schemas.refused import refused
from sinks.clickhouse.rows import Delivery


class DeadLetters:
    """Publishes dead letters and waits for Kafka to have them."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._producer = Producer(kafka.producer())

    def send(self, letters: list[tuple[Delivery, InvalidRecord]], timeout: float = 30.0) -> None:
        """Return when all are acknowledged. Raises KafkaUnavailable: then send all again."""
        failures: list[str] = []
        for read, error in letters:
            self._produce(read, error, failures)
        waiting = self._producer.flush(timeout)
        if waiting:
            self._producer.purge()
            self._producer.flush(1.0)
        if waiting or failures:
            raise KafkaUnavailable(
                f"Kafka at {self._kafka.bootstrap_servers}: dead letters not acknowledged "
                f"({failures[0] if failures else f'none in {timeout} s'})"
            )
        labels = {"source": "clickhouse", "node": "", "reason": "undecodable"}
        metrics.DEAD_LETTERS.add(len(letters), labels)

    def _produce(self, read: Delivery, error: InvalidRecord, failures: list[str]) -> None:
        def delivered(failure: KafkaError | None, message: object) -> None:
            del message
            if failure is not None:
                failures.append(failure.str())

        now = datetime.now(UTC)
        letter = refused(
            "clickhouse", read.origin, read.value or b"", error.reason, error.field, now
        )
        self._producer.produce(
            self._kafka.name(topics.DEAD_LETTERS), **letter._asdict(), on_delivery=delivered
        )
