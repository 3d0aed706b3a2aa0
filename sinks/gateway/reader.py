"""From rollcall.presence, all partitions from their beginning, into messages for the hub."""

from collections.abc import Callable, Mapping

from confluent_kafka import KafkaError
from confluent_kafka import Message as Record

from runtime import logs
from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaSettings
from runtime.lag import LagMeter
from runtime.log_reader import LogReader
from runtime.metrics import GATEWAY_KAFKA_AWAY
from runtime.topic_parts import Part
from schemas.codec import InvalidRecord
from schemas.topics import PRESENCE
from sinks.gateway.message import Message, place_of, presence_message, removal_message
from sinks.gateway.topic import IdentityCheck, describe

log = logs.get(__name__)

_NAME = "gateway"


class Reader:
    """Belongs to the thread that runs it."""

    def __init__(
        self,
        kafka: KafkaSettings,
        dead_letters: DeadLetters,
        apply: Callable[[list[Message], Mapping[int, int]], None],
        together: Callable[[], float],
    ) -> None:
        """`apply` is called with what was read, in order, and the next offset of each partition
        that was read; of what comes within `together` seconds, once.

        Raises KafkaUnavailable, KafkaMisconfigured.
        """
        self._topic = kafka.name(PRESENCE)
        self.topic = describe(kafka, self._topic)
        self._identity = IdentityCheck(kafka, self._topic, self.topic)
        self._dead_letters = dead_letters
        self._apply = apply
        self.is_kafka_away = False
        self.dead_letters = 0
        parts = [Part(PRESENCE)]
        self._log = LogReader(kafka, parts, _NAME, self._on_error, together=together)
        self._lag = LagMeter(_NAME)

    @property
    def is_caught_up(self) -> bool:
        """Whether everything was read that was in the topic at the start."""
        return self._log.is_at_end

    def step(self, timeout: float = 0.1) -> None:
        """Read once. Raises KafkaMisconfigured, TopicReplaced."""
        messages: list[Message] = []
        for record in self._log.read(timeout):
            self._accept(record, messages)
        if advanced := self._log.advanced:
            self._apply(messages, {number: offset for (_, number), offset in advanced.items()})
            if self.is_kafka_away:
                self._set_away(False)
        elif self.is_kafka_away:
            self._check_kafka()
        self._lag.measure(lambda: self._log.positions, self._log.end_of)
        self._dead_letters.poll()
        self._identity.check(is_kafka_away=self.is_kafka_away)

    def close(self) -> None:
        self._log.close()

    # -- records ----------------------------------------------------------------------------------
    def _accept(self, record: Record, messages: list[Message]) -> None:
        number, offset = record.partition(), record.offset()
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

    def _dead_letter(self, place: str, payload: bytes, error: InvalidRecord) -> None:
        """Reading never waits for it: no offset is committed after it.

        Each gateway writes the same letter of the same record at each start.
        """
        self.dead_letters += 1
        log.error("dead letter", source=place, reason=str(error))
        self._dead_letters.post(Unusable(place, payload, error.reason, error.field))

    # -- Kafka away or back -----------------------------------------------------------------------
    def _on_error(self, error: KafkaError) -> None:
        """librdkafka reconnects by itself, and reports here when no broker is left."""
        if error.code() == KafkaError._ALL_BROKERS_DOWN and not self.is_kafka_away:
            log.warning("Kafka is unavailable; serving what was read", error=error.str())
            self._set_away(True)

    def _check_kafka(self) -> None:
        """Where nothing new is to be read, librdkafka does not report that a broker is back."""
        if self._log.is_kafka_there(0.5):
            log.info("Kafka is available again")
            self._set_away(False)

    def _set_away(self, away: bool) -> None:
        self.is_kafka_away = away
        GATEWAY_KAFKA_AWAY.set(int(away))
