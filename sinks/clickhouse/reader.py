"""The sink's Kafka consumer: one member of the group, its partitions, and their records."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from runtime import logs
from runtime.kafka import KafkaSettings, translate
from runtime.lag import fetched_end
from schemas import topics
from sinks.clickhouse.positions import Partition
from sinks.clickhouse.rows import Delivery

GROUP = "clickhouse"
_READ_AT_ONCE = 2_000
# The year 2100, in ms: a timestamp that a wrong clock gave is none.
_TIMESTAMP_MAX = 4_102_444_800_000
_OPTIONS = {
    # For so long a killed member holds its partitions. One that loses them without cause only
    # reads some records again.
    "session.timeout.ms": 6_000,
    "heartbeat.interval.ms": 1_500,
    "queued.max.messages.kbytes": 16_384,
    "enable.auto.offset.store": False,
}
# After these errors reading ends. After all others librdkafka goes on by itself.
_FATAL = frozenset(
    {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.UNSUPPORTED_SASL_MECHANISM,
        KafkaError._AUTHENTICATION,
    }
)
_log = logs.get(__name__)


class Reader:
    """Belongs to one thread. A partition that is assigned is read only once it is `place`d."""

    def __init__(
        self,
        kafka: KafkaSettings,
        names: Iterable[str],
        on_assigned: Callable[[], None],
        on_revoked: Callable[[], None],
    ) -> None:
        """Join the group for the topics `names`. The callbacks are called within `read`.

        `on_assigned`: all partitions assigned are placed, or there are none. `on_revoked`: what
        was read belongs to another member now.
        """
        self._kafka = kafka
        self._on_assigned = on_assigned
        self._on_revoked = on_revoked
        self._letters_topic = kafka.name(topics.DEAD_LETTERS)
        # Assigned partitions whose first offset is not known yet.
        self.unplaced: list[TopicPartition] = []
        self.placed: set[Partition] = set()
        self._is_paused = False
        self._consumer = Consumer(kafka.consumer(GROUP, **_OPTIONS))
        self.end_of = fetched_end(self._consumer)
        self._consumer.subscribe(list(names), on_assign=self._assign, on_revoke=self._revoke)

    def read(self, seconds: float) -> Iterator[Delivery]:
        """What comes within `seconds`. Raises KafkaMisconfigured."""
        for message in self._consumer.consume(_READ_AT_ONCE, seconds):
            if error := message.error():
                self._check(error)
            elif (message.topic(), message.partition()) in self.placed:
                yield self._delivery(message)
            # else it was fetched before a revocation: its partition's owner reads it too

    def place(self, positions: Mapping[Partition, int]) -> list[Partition]:
        """Begin to read the assigned partitions, each at its position, else at its beginning."""
        partitions, self.unplaced = self.unplaced, []
        for partition in partitions:
            key = partition.topic, partition.partition
            partition.offset = positions.get(key, OFFSET_BEGINNING)
        self.placed = {(p.topic, p.partition) for p in partitions}
        if partitions:
            self._consumer.assign(partitions)
            _log.info("partitions assigned", partitions=len(partitions))
            self._on_assigned()
        return list(self.placed)

    def pause(self) -> None:
        """Fetch no more, and stay in the group: `read` goes on serving heartbeats, rebalances."""
        if not self._is_paused:
            self._consumer.pause(self._consumer.assignment())
            self._is_paused = True

    def resume(self) -> None:
        if self._is_paused:
            self._consumer.resume(self._consumer.assignment())
            self._is_paused = False

    def commit(self, nexts: Mapping[Partition, int], *, wait: bool) -> None:
        """Commit offsets to Kafka, where they only show the lag."""
        offsets = [TopicPartition(topic, number, at) for (topic, number), at in nexts.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=not wait)
        except KafkaException as error:
            _log.info("offsets not committed", error=str(error))

    def close(self) -> None:
        """Leave the group."""
        self._consumer.close()

    def _delivery(self, message: Message) -> Delivery:
        topic = message.topic()
        event_id = _event_id(message) if topic == self._letters_topic else None
        return Delivery(
            topic,
            message.partition(),
            message.offset(),
            message.value(),
            event_id,
            _published_at(message),
        )

    def _check(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FATAL:
            raise translate(KafkaException(error), self._kafka)
        _log.warning("error while reading from Kafka", error=error.str())

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Note the partitions and read none of them yet: their positions are in ClickHouse.

        A callback that waited for ClickHouse would hold up the rebalance of the whole group.
        """
        consumer.assign([])
        self.unplaced = partitions
        if not partitions:
            self._on_assigned()

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        del consumer
        _log.info("partitions revoked", partitions=len(partitions))
        self.unplaced = []
        self.placed.clear()
        self._on_revoked()


def _published_at(message: Message) -> datetime | None:
    _, milliseconds = message.timestamp()
    if not 0 < milliseconds < _TIMESTAMP_MAX:  # -1: the record has none
        return None
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def _event_id(message: Message) -> str | None:
    headers = message.headers() or []
    value = next((value for name, value in headers if name == "ce_id"), None)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None
