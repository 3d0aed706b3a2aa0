"""One librdkafka producer: sends numbered records to Kafka and collects a report on each."""

from enum import Enum
from functools import partial
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Producer

from producers.record import Record

# About the record, not the cluster: the same record would be refused for ever.
_REFUSALS = frozenset(
    {
        KafkaError.MSG_SIZE_TOO_LARGE,
        KafkaError.INVALID_MSG_SIZE,
        KafkaError.RECORD_LIST_TOO_LARGE,
        KafkaError.INVALID_RECORD,
        KafkaError._INVALID_DIFFERENT_RECORD,  # shared a batch with an invalid one
        KafkaError.INVALID_TIMESTAMP,
        KafkaError.POLICY_VIOLATION,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._INVALID_ARG,
    }
)


class RecordRefused(Exception):
    """Kafka will never take this record: it goes to dead letters. `reason` is librdkafka's name."""

    def __init__(self, error: KafkaError) -> None:
        super().__init__(error.str())
        self.reason = error.name()


class QueueFull(Exception):
    """librdkafka's queue holds all it may. Wait for acknowledgements."""


class SessionFailed(Exception):
    """The session cannot take this record now (no topic, no permission, fatal error)."""


class Outcome(Enum):
    """What became of a record."""

    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"  # the record's own fault, or that of one in its batch
    GIVEN_UP = "given up"  # the cluster's fault: hand it over again, in a new session


class Report(NamedTuple):
    """librdkafka's delivery report on one record."""

    number: int
    outcome: Outcome
    error: KafkaError | None


class KafkaSession:
    """A librdkafka producer from start to end. `errors` collects its errors about the cluster."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.errors: list[KafkaError] = []
        self._delivered: list[tuple[int, KafkaError | None]] = []
        self._producer = Producer({**options, "error_cb": self.errors.append})

    def produce(self, number: int, record: Record) -> None:
        """Queue one record behind the earlier ones. Raises RecordRefused, QueueFull, SessionFailed.

        librdkafka copies it; its report comes later, from `reports`.
        """
        try:
            self._producer.produce(
                record.topic,
                record.value,
                record.key,
                -1 if record.partition is None else record.partition,
                partial(self._on_delivery, number),
                headers=record.headers,
            )
        except BufferError as error:
            raise QueueFull from error
        except KafkaException as error:
            cause = error.args[0]
            if cause.code() in _REFUSALS:
                raise RecordRefused(cause) from error
            raise SessionFailed(f"{cause.name()}: {cause.str()}") from error

    def reports(self, wait: float) -> list[Report]:
        """Serve librdkafka, waiting up to `wait` seconds; the reports it made, in its order.

        Call it in one thread only, never while holding a lock that `produce` is called under.
        """
        self._producer.poll(wait)
        found, self._delivered = self._delivered, []
        return [Report(number, _outcome(error), error) for number, error in found]

    def end(self, timeout: float) -> list[Report]:
        """Stop sending at once; the acknowledgements that still came, within so many seconds.

        A record in flight may have reached Kafka all the same: handed over again it is there
        twice, with the same event id. The session is of no use afterwards.
        """
        self._producer.purge()
        self._producer.flush(timeout)
        return [r for r in self.reports(0) if r.outcome is Outcome.ACKNOWLEDGED]

    def list_topics(self, timeout: float) -> Any:
        """The cluster's topics. Raises KafkaException."""
        return self._producer.list_topics(timeout=timeout)

    def partitions(self, topic: str, timeout: float) -> int | None:
        """How many partitions the topic has; None if the cluster does not answer in time."""
        try:
            # All topics: asking for one by name would create it where brokers allow that.
            found = self.list_topics(timeout).topics.get(topic)
        except KafkaException:
            return None
        return len(found.partitions) or None if found is not None else None

    def _on_delivery(self, number: int, error: KafkaError | None, message: object) -> None:
        del message
        self._delivered.append((number, error))


def _outcome(error: KafkaError | None) -> Outcome:
    if error is None:
        return Outcome.ACKNOWLEDGED
    return Outcome.REFUSED if error.code() in _REFUSALS else Outcome.GIVEN_UP
