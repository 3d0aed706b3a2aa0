"""From rollcall.presence, all partitions from their beginning, into messages for the hub."""

from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka import (
    Message as Record,
)

from runtime import logs
from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, translate
from runtime.lag import LagMeter, fetched_end
from runtime.metrics import GATEWAY_KAFKA_AWAY
from schemas.codec import InvalidRecord
from schemas.topics import PRESENCE
from sinks.gateway.message import Message, place_of, presence_message, removal_message
from sinks.gateway.topic import IdentityCheck, TopicReplaced, describe

log = logs.get(__name__)

# librdkafka requires a name; without subscribing or committing no such group exists.
_GROUP = "gateway"
# Records handed over at once: while the state is read, and later, when subscribers wait.
_READING, _FETCH = 2_000, 500
_CONSUMER = {
    # The last records of a partition may be compacted away: only this event marks its end.
    "enable.partition.eof": True,
    # Reading a topic of a gigabyte, librdkafka would hold 64 MB of it, and as much again in pieces.
    "queued.max.messages.kbytes": 8 * 1024,
    "fetch.max.bytes": 8 * 1024 * 1024,
}
_TIMEOUT_SECONDS = 5.0


class Reader:
    """The consumer of one process; commits nothing. Belongs to the thread that runs it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        dead_letters: DeadLetters,
        apply: Callable[[list[Message], Mapping[int, int]], None],
    ) -> None:
        """`apply` is called with what was read, in order, and the next offset of each partition
        that was read. Raises KafkaUnavailable, KafkaMisconfigured."""
        self._topic = kafka.name(PRESENCE)
        self.topic = describe(kafka, self._topic)
        self._identity = IdentityCheck(kafka, self._topic, self.topic)
        self._dead_letters = dead_letters
        self._apply = apply
        self.is_kafka_away = False
        self.dead_letters = 0
        self._ends = _end_offsets(kafka, self._topic)
        self._consumer = Consumer(kafka.consumer(_GROUP, **_CONSUMER, error_cb=self._on_error))
        # Assigned before the leaders are known, the consumer would wait a second for metadata.
        _known(self._consumer, kafka, self._topic)
        self._consumer.assign(
            [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in self._ends]
        )
        self._positions: dict[tuple[str, int], int] = {}
        # Of the partitions read in this step.
        self._advanced: dict[int, int] = {}
        self._lag = LagMeter(_GROUP)
        self._end_of = fetched_end(self._consumer)

    @property
    def is_caught_up(self) -> bool:
        """Whether everything was read that was in the topic at the start."""
        return not self._ends

    def step(self, timeout: float = 0.1) -> None:
        """Read once. Raises KafkaMisconfigured, TopicReplaced."""
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(timeout)) is not None:
            messages: list[Message] = []
            self._advanced = {}
            most = _FETCH if self.is_caught_up else _READING
            for record in (first, *self._consumer.consume(most, 0)):
                self._accept(record, messages)
            if self._advanced:
                self._apply(messages, self._advanced)
        elif self.is_kafka_away:
            self._check_kafka()
        self._lag.measure(lambda: self._positions, self._end_of)
        self._dead_letters.poll()
        self._identity.check()

    def close(self) -> None:
        self._consumer.close()

    # -- records ----------------------------------------------------------------------------------
    def _accept(self, record: Record, messages: list[Message]) -> None:
        number, offset = record.partition() or 0, record.offset() or 0
        if (failure := record.error()) is not None:
            if failure.code() == KafkaError._PARTITION_EOF:
                self._reached(number, offset)
            elif failure.fatal():
                raise KafkaMisconfigured(f"reading presence: {failure.str()}")
            else:
                log.warning("error while reading presence", error=failure.str())
            return
        at, place = (record.timestamp()[1] or 0) / 1000, place_of(number, offset)
        key, value = record.key(), record.value()
        try:
            if value is not None:
                messages.append(presence_message(value, at, place))
            elif key is not None:
                messages.append(removal_message(key.decode(), at, place))
        except (InvalidRecord, UnicodeDecodeError) as error:
            wrong = error if isinstance(error, InvalidRecord) else InvalidRecord("key", str(error))
            self._dead_letter(f"{self._topic}/{number}/{offset}", value or b"", wrong)
        self._reached(number, offset + 1)

    def _dead_letter(self, place: str, payload: bytes, error: InvalidRecord) -> None:
        """Reading never waits for it: no offset is committed after it.

        Each gateway writes the same letter of the same record at each start.
        """
        self.dead_letters += 1
        log.error("dead letter", source=place, reason=str(error))
        self._dead_letters.post(Unusable(place, payload, error.reason, error.field))

    def _reached(self, number: int, offset: int) -> None:
        if offset < self._positions.get((self._topic, number), 0):
            raise TopicReplaced(f"{self._topic}/{number} was read to its end, and begins again")
        self._positions[self._topic, number] = self._advanced[number] = offset
        if offset >= self._ends.get(number, offset + 1):
            del self._ends[number]
        if self.is_kafka_away:
            self._set_away(False)

    # -- Kafka away or back -----------------------------------------------------------------------
    def _on_error(self, error: KafkaError) -> None:
        """librdkafka reconnects by itself, and reports here when no broker is left."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.is_kafka_away:
            log.warning("Kafka is unavailable; serving what was read", error=error.str())
            self._set_away(True)

    def _check_kafka(self) -> None:
        """Where nothing new is to be read, librdkafka does not report that a broker is back."""
        try:
            self._consumer.list_topics(self._topic, timeout=0.5)
        except KafkaException:
            return
        log.info("Kafka is available again")
        self._set_away(False)

    def _set_away(self, away: bool) -> None:
        self.is_kafka_away = away
        GATEWAY_KAFKA_AWAY.set(int(away))


def _known(client: Consumer, kafka: KafkaSettings, topic: str) -> dict[int, Any]:
    """The topic's partitions. Raises KafkaUnavailable, KafkaMisconfigured."""
    try:
        found = client.list_topics(topic, timeout=_TIMEOUT_SECONDS).topics[topic].partitions
    except KafkaException as error:
        raise translate(error, kafka) from error
    if not found:
        raise KafkaUnavailable(f"{topic} has no partitions yet")
    partitions: dict[int, Any] = found
    return partitions


def _end_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """The end offset of each partition. A client of its own asks: one that fetches answers late.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    consumer = Consumer(kafka.consumer(_GROUP))
    try:
        ends = {}
        for number in _known(consumer, kafka, topic):
            partition = TopicPartition(topic, number)
            ends[number] = consumer.get_watermark_offsets(partition, _TIMEOUT_SECONDS)[1]
        return ends
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()
