"""Undecodable records → the dead-letters topic, with where they stood and what was wrong."""

from datetime import UTC, datetime

from confluent_kafka import KafkaError, Producer

from runtime import metrics
from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas import cloudevents, topics
from schemas.codec import InvalidRecord, encode
from schemas.dead_letter import DeadLetter, dead_letter
from sinks.clickhouse.rows import Delivery


def letter(read: Delivery, error: InvalidRecord, at: datetime) -> DeadLetter:
    """The dead letter of one delivery, found at `at`."""
    return dead_letter(read.origin, read.value or b"", error.reason, error.field, at)


class DeadLetters:
    """Publishes dead letters and waits for Kafka to have them.

    A letter's id is where its record stood, so one sent twice is one row of `dead_letters`.
    """

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

        at = datetime.now(UTC)
        headers = cloudevents.headers(
            topics.DEAD_LETTERS,
            id=f"clickhouse/{read.origin}",
            source="rollcall/clickhouse",
            subject=read.topic,
            time=at,
        )
        self._producer.produce(
            self._kafka.name(topics.DEAD_LETTERS),
            key=read.topic,
            value=encode(letter(read, error, at)),
            headers=headers,
            on_delivery=delivered,
        )
