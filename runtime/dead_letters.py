"""A sink's producer of dead letters: consumed records it cannot use, to rollcall.dead-letters."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from typing import NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime import logs, metrics
from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas.refused import refused
from schemas.topics import DEAD_LETTERS

log = logs.get(__name__)

# librdkafka looks for messages that have expired once a second.
_EXPIRY_SECONDS = 2.0
_CLOSE_SECONDS = 5.0


class Unusable(NamedTuple):
    """A consumed record that cannot be used: where it is stored, its bytes, what is wrong."""

    place: str  # TOPIC/PARTITION/OFFSET
    payload: bytes
    reason: str
    field: str | None = None


class DeadLetters:
    """One a stage. Thread-safe.

    `send` is for a stage that commits the records' offsets afterwards, `post` for one that commits
    nothing and must not wait.
    """

    def __init__(
        self, stage: str, kafka: KafkaSettings, *, counted_as: str, timeout: float = 10.0
    ) -> None:
        """`counted_as` is the metric's label `reason`; `timeout`, in seconds, is how long Kafka may
        take to acknowledge a letter."""
        self._stage = stage
        self._kafka = kafka
        self._topic = kafka.name(DEAD_LETTERS)
        self._timeout = timeout
        self._labels = {"source": stage, "reason": counted_as}
        self._producer = Producer(kafka.producer(**{"message.timeout.ms": int(timeout * 1000)}))

    def send(self, records: Iterable[Unusable]) -> None:
        """Return when Kafka has acknowledged a letter of each record.

        Raises KafkaUnavailable, after which all are to be sent again, and KafkaMisconfigured.
        """
        outcomes: list[KafkaError | None] = []
        count = 0
        for count, record in enumerate(records, start=1):  # noqa: B007 - used after the loop
            self._produce(record, lambda error, _: outcomes.append(error))
        self._producer.flush(self._timeout + _EXPIRY_SECONDS)
        if failed := [error for error in outcomes if error is not None]:
            raise translate(KafkaException(failed[0]), self._kafka)
        if len(outcomes) < count:
            raise KafkaUnavailable(
                f"Kafka at {self._kafka.bootstrap_servers}: dead letters not acknowledged in "
                f"{self._timeout:g} s"
            )
        metrics.DEAD_LETTERS.add(count, self._labels)

    def post(self, record: Unusable) -> None:
        """Write one letter without waiting. Never raises: a letter that Kafka does not take is
        logged, if not now then by a later `poll`."""
        metrics.DEAD_LETTERS.add(1, self._labels)
        try:
            self._produce(record, partial(_log_failure, record.place))
        except KafkaUnavailable as error:
            log.warning("dead letter not written", source=record.place, error=str(error))
        self.poll()

    def poll(self) -> None:
        """Serve librdkafka's delivery reports."""
        self._producer.poll(0)

    def close(self) -> None:
        """Wait up to 5 seconds for what was posted."""
        self._producer.flush(_CLOSE_SECONDS)

    def _produce(
        self, record: Unusable, on_delivery: Callable[[KafkaError | None, Message], None]
    ) -> None:
        place, payload, reason, field = record
        letter = refused(self._stage, place, payload, reason, field, datetime.now(tz=UTC))
        try:
            self._producer.produce(self._topic, **letter._asdict(), on_delivery=on_delivery)
        except (KafkaException, BufferError) as error:
            raise KafkaUnavailable(f"dead letter of {place}: {error}") from error


def _log_failure(place: str, error: KafkaError | None, message: Message) -> None:
    del message
    if error is not None:
        log.warning("dead letter not written", source=place, error=error.str())
