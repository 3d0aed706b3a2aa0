"""From rollcall.presence, all partitions from their beginning, into messages for the hub."""

from collections.abc import Callable
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
from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable, translate
from runtime.metrics import GATEWAY_KAFKA_AWAY
from schemas.codec import InvalidRecord
from schemas.topics import PRESENCE
from sinks.gateway.dead_letters import DeadLetters
from sinks.gateway.message import Message, presence_message, removal_message

log = logs.get(__name__)

# The client library wants a name; without subscribing or committing there is no such group.
_GROUP = "gateway"
_FETCH = 500
_SECONDS = 5.0


class Reader:
    """The consumer of one process; commits nothing. Belongs to the thread that runs it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        dead_letters: DeadLetters,
        hand: Callable[[list[Message]], None],
    ) -> None:
        """`hand` is given what was read, in order. Raises KafkaUnavailable, KafkaMisconfigured."""
        self._topic = kafka.name(PRESENCE)
        self._dead_letters = dead_letters
        self._hand = hand
        self.is_away = False
        self._ends = _end_offsets(kafka, self._topic)
        self._consumer = Consumer(
            # The end of a partition may hold no record to read (compacted away): so be told of it.
            kafka.consumer(_GROUP, **{"enable.partition.eof": True, "error_cb": self._on_error})
        )
        # Assigned before it knows the leaders, it would wait a second for its next look.
        _known(self._consumer, kafka, self._topic)
        self._consumer.assign(
            [TopicPartition(self._topic, number, OFFSET_BEGINNING) for number in self._ends]
        )

    @property
    def is_caught_up(self) -> bool:
        """Whether everything was read that was there when it began."""
        return not self._ends

    def step(self, timeout: float = 0.1) -> None:
        """Read once. Raises KafkaMisconfigured."""
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(timeout)) is not None:
            messages: list[Message] = []
            for record in (first, *self._consumer.consume(_FETCH, 0)):
                self._accept(record, messages)
            if messages:
                self._hand(messages)
        elif self.is_away:
            self._look_again()
        self._dead_letters.poll()

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
                log.warning("reading presence", error=failure.str())
            return
        at = (record.timestamp()[1] or 0) / 1000
        key, value = record.key(), record.value()
        try:
            if value is not None:
                messages.append(presence_message(value, at))
            elif key is not None:
                messages.append(removal_message(key.decode(), at))
        except (InvalidRecord, UnicodeDecodeError) as error:
            wrong = error if isinstance(error, InvalidRecord) else InvalidRecord("key", str(error))
            self._dead_letters.put(f"{self._topic}/{number}/{offset}", value or b"", wrong)
        self._reached(number, offset + 1)

    def _reached(self, number: int, offset: int) -> None:
        if offset >= self._ends.get(number, offset + 1):
            del self._ends[number]
        if self.is_away:
            self._say_away(False)

    # -- a broker that is away --------------------------------------------------------------------
    def _on_error(self, error: KafkaError) -> None:
        """librdkafka goes on by itself; it says here when no broker is left."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.is_away:
            log.warning("Kafka is away; serving what was read", error=error.str())
            self._say_away(True)

    def _look_again(self) -> None:
        """It does not say when one is back, where nothing new is to be read."""
        try:
            self._consumer.list_topics(self._topic, timeout=0.5)
        except KafkaException:
            return
        log.info("Kafka is back")
        self._say_away(False)

    def _say_away(self, away: bool) -> None:
        self.is_away = away
        GATEWAY_KAFKA_AWAY.set(int(away))


def _known(client: Consumer, kafka: KafkaSettings, topic: str) -> dict[int, Any]:
    """The topic's partitions. Raises KafkaUnavailable, KafkaMisconfigured."""
    try:
        found = client.list_topics(topic, timeout=_SECONDS).topics[topic].partitions
    except KafkaException as error:
        raise translate(error, kafka) from error
    if not found:
        raise KafkaUnavailable(f"{topic} has no partitions yet")
    partitions: dict[int, Any] = found
    return partitions


def _end_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """The end of each partition that has one. By a client of its own: one that fetches answers
    late. Raises KafkaUnavailable, KafkaMisconfigured."""
    consumer = Consumer(kafka.consumer(_GROUP))
    try:
        ends = {}
        for number in _known(consumer, kafka, topic):
            partition = TopicPartition(topic, number)
            ends[number] = consumer.get_watermark_offsets(partition, _SECONDS)[1]
        return ends
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()
