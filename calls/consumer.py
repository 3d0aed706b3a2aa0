"""Kafka → the calls stage: all partitions of the topics of calls, by one member of one group."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from calls.errors import AssignmentLost
from runtime import logs
from runtime.kafka import KafkaMisconfigured, KafkaSettings
from runtime.lag import fetched_end
from schemas.topic import Topic
from schemas.topics import CALLS, MEDIA, PRESENCE, SPEECH

GROUP = "calls"
# A call's own events first: the others need its legs.
TOPICS = (CALLS, MEDIA, SPEECH, PRESENCE)
_FETCH = 1_000
# While more of the legs' events are unread, the other topics are not read.
_BEHIND = 1_000
_OPTIONS: dict[str, int] = {
    # For so long nobody else may take a killed member's place; one of its name does at once.
    "session.timeout.ms": 10_000,
    "heartbeat.interval.ms": 1_500,
    "queued.max.messages.kbytes": 16_384,
}
_FENCED = frozenset({KafkaError.FENCED_INSTANCE_ID, KafkaError._FENCED, KafkaError._FATAL})
_REFUSED = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
    }
)
# (topic's name on the cluster, number)
Partition = tuple[str, int]
log = logs.get(__name__)


@dataclass(frozen=True, slots=True)
class Delivery:
    """One record. `value` None: a tombstone."""

    topic: Topic
    partition: int
    offset: int
    value: bytes | None
    key: bytes = b""


class CallConsumer:
    """Belongs to one thread. Reads nothing until `begin`."""

    def __init__(self, kafka: KafkaSettings, instance: str) -> None:
        """Join the group. `instance`: a member of this name is replaced."""
        self._kafka = kafka
        self._topics = {kafka.name(topic): topic for topic in TOPICS}
        self._owned: list[TopicPartition] = []
        self._has_begun = self._is_held = False
        self.nexts: dict[Partition, int] = {}
        options = {**_OPTIONS, "group.instance.id": instance}
        self._consumer = Consumer(kafka.consumer(GROUP, **options))
        self.end_of = fetched_end(self._consumer)
        self._consumer.subscribe(
            list(self._topics),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )

    @property
    def is_whole(self) -> bool:
        """Whether it has every partition: a call's events may be in any of them."""
        return len(self._owned) == len(self._topics) * self._kafka.partitions

    def begin(self) -> None:
        """Read on from the committed offsets."""
        self._has_begun = True
        self._consumer.resume(self._owned)

    def read(self, seconds: float) -> Iterator[Delivery]:
        """What is there, waiting up to `seconds` for the first record.

        Raises AssignmentLost, KafkaMisconfigured.
        """
        # `consume` waits for all it is asked for or the whole timeout; `poll` for the first.
        if (first := self._consumer.poll(seconds)) is not None:
            for message in (first, *self._consumer.consume(_FETCH, 0)):
                if (failure := message.error()) is not None:
                    self._check(failure)
                else:
                    yield self._delivery(message)
        if self._has_begun:
            self._hold_others()

    def commit(self, offsets: Mapping[Partition, int], *, wait: bool = False) -> None:
        """Commit next offsets. A failure is only logged: the next commit repeats it.

        Raises AssignmentLost where another process has taken over.
        """
        if not offsets:
            return
        parts = [TopicPartition(topic, number, at) for (topic, number), at in offsets.items()]
        try:
            self._consumer.commit(offsets=parts, asynchronous=not wait)
        except KafkaException as error:
            self._check(error.args[0])

    def close(self) -> None:
        self._has_begun = False
        self._consumer.close()

    def _delivery(self, message: Message) -> Delivery:
        name, number, offset = message.topic() or "", message.partition(), message.offset()
        assert number is not None
        assert offset is not None
        self.nexts[name, number] = offset + 1
        return Delivery(self._topics[name], number, offset, message.value(), message.key() or b"")

    def _hold_others(self) -> None:
        """Read the legs' events first where many are unread, as after a long stop."""
        name = self._kafka.name(CALLS)
        behind = sum(
            max(0, (self.end_of(name, p.partition) or 0) - self.nexts.get((name, p.partition), 0))
            for p in self._owned
            if p.topic == name and (name, p.partition) in self.nexts
        )
        if (behind > _BEHIND) is not self._is_held:
            self._is_held = behind > _BEHIND
            others = [p for p in self._owned if p.topic != name]
            (self._consumer.pause if self._is_held else self._consumer.resume)(others)

    def _check(self, error: KafkaError) -> None:
        if error.code() == KafkaError._PARTITION_EOF:
            return
        # Of a consumer only fencing is fatal; its messages do not say so by `fatal`.
        if error.fatal() or error.code() in _FENCED:
            raise AssignmentLost(f"another calls stage has taken over: {error.str()}")
        if error.code() in _REFUSED:
            raise KafkaMisconfigured(f"reading calls: {error.str()}")
        log.warning("error while reading calls", error=error.str())

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.assign(partitions)
        consumer.pause(partitions)
        self._owned = partitions
        log.info("partitions assigned", partitions=len(partitions), whole=self.is_whole)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer, partitions
        self._end_with("another member is in the group")

    def _on_lost(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer, partitions
        seconds = _OPTIONS["session.timeout.ms"] // 1000
        self._end_with(f"Kafka has not heard of this process for {seconds} s, or was away as long")

    def _end_with(self, reason: str) -> None:
        self._owned = []
        if self._has_begun:
            raise AssignmentLost(f"calls: the partitions are lost: {reason}; a restart reads on")
