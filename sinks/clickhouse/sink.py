"""Kafka → ClickHouse: reads every topic, batches, writes, and remembers how far it came."""

import threading
import time
from collections.abc import Callable
from typing import Any, TypeVar

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from runtime import logs
from runtime.kafka import KafkaSettings, translate
from schemas import topics
from sinks.clickhouse.batch import Batch
from sinks.clickhouse.database import Database, StoreUnavailable
from sinks.clickhouse.dead_letters import DeadLetters
from sinks.clickhouse.patience import Stopped, patiently
from sinks.clickhouse.positions import Partition, Positions
from sinks.clickhouse.rows import Delivery
from sinks.clickhouse.settings import ClickHouseSettings
from sinks.clickhouse.tables import TABLES, VIEWS
from sinks.clickhouse.writer import Writer

T = TypeVar("T")
GROUP = "clickhouse"
_COUNTS = " UNION ALL ".join(f"SELECT '{view}', count() FROM {view}" for view in VIEWS)
_READ_AT_ONCE = 2_000
_READ_SECONDS = 0.1
# A killed member holds its partitions so long. Losing them wrongly costs nothing but a re-read.
_GROUP = {"session.timeout.ms": 6_000, "heartbeat.interval.ms": 1_500}
# Reported while reading, and no reason to stop: librdkafka goes on by itself.
_FOR_GOOD = frozenset(
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


class Sink:
    """One member of the group. `run` in one thread; `status` from any."""

    def __init__(
        self,
        kafka: KafkaSettings,
        settings: ClickHouseSettings,
        database: Database,
        stop: threading.Event,
        assigned: Callable[[], None] = lambda: None,
    ) -> None:
        self._kafka = kafka
        self._settings = settings
        self._database = database
        self._stop = stop
        self._assigned = assigned
        self._tables = {kafka.name(table.topic): table for table in TABLES}
        self._letters_topic = kafka.name(topics.DEAD_LETTERS)
        self._positions = Positions(database, kafka, AdminClient(kafka.client()))
        self._writer = Writer(database, DeadLetters(kafka), self._positions)
        self._consumer = Consumer(
            kafka.consumer(
                GROUP,
                **_GROUP,
                **{"queued.max.messages.kbytes": 16_384, "enable.auto.offset.store": False},
            )
        )
        self._batch = Batch(settings)
        self._topic_ids: dict[str, str] = {}
        self._unplaced: list[TopicPartition] = []
        self._mine: set[Partition] = set()
        self._paused = False
        self._nexts: dict[Partition, int] = {}
        self._failure: str | None = None

    def run(self) -> None:
        """Work until `stop` is set, then write what is read and leave the group.

        Raises KafkaMisconfigured, StoreMisconfigured.
        """
        self._consumer.subscribe(list(self._tables), on_assign=self._assign, on_revoke=self._revoke)
        try:
            while not self._stop.is_set():
                self._read(_READ_SECONDS)
                if self._unplaced:
                    self._place()
                if self._batch.due(time.monotonic()):
                    self._write()
            self._write()
        except Stopped as error:
            _log.warning("stopping; what is not written is read again", reason=str(error))
        finally:
            self._batch.clear()
            self._consumer.close()

    def status(self) -> dict[str, Any]:
        """Rows each view shows (null: not answered in time), and next offsets by topic."""
        nexts: dict[str, dict[str, int]] = {}
        for (topic, partition), offset in sorted(self._nexts.copy().items()):
            nexts.setdefault(topic, {})[str(partition)] = offset
        return {
            "store": self._settings.place,
            "database": self._settings.database,
            "rows": self._counts(),
            "next_offsets": nexts,
            "waiting_records": self._batch.records,
            "failure": self._failure,
        }

    def _counts(self) -> dict[str, int | None]:
        try:
            return {str(view): int(rows) for view, rows in self._database.query(_COUNTS, seconds=5)}
        except StoreUnavailable:
            return dict.fromkeys(VIEWS)

    # -- reading -------------------------------------------------------------------------------

    def _read(self, seconds: float) -> None:
        now = time.monotonic()
        for message in self._consumer.consume(_READ_AT_ONCE, seconds):
            if error := message.error():
                self._complain(error)
            else:
                self._take(message, now)

    def _take(self, message: Message, now: float) -> None:
        topic, partition = message.topic(), message.partition()
        if (topic, partition) not in self._mine:
            return  # fetched before it was revoked: whoever owns it now reads it too
        event_id = _event_id(message) if topic == self._letters_topic else None
        read = Delivery(topic, partition, message.offset(), message.value(), event_id)
        self._batch.add(self._tables[topic], read, now)

    def _complain(self, error: KafkaError) -> None:
        if error.fatal() or error.code() in _FOR_GOOD:
            raise translate(KafkaException(error), self._kafka)
        _log.warning("kafka", error=error.str())

    # -- whose partitions these are ------------------------------------------------------------

    def _assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Take note, and read none of them yet: a callback must not wait for ClickHouse.

        A member that waits here would hold up the whole group's rebalance.
        """
        consumer.assign([])
        self._unplaced = partitions
        if not partitions:
            self._assigned()

    def _place(self) -> None:
        """Start each partition where ClickHouse's tables end."""
        nexts = self._outlast(self._lookup)
        partitions, self._unplaced = self._unplaced, []  # a rebalance may have changed them
        for partition in partitions:
            key = partition.topic, partition.partition
            partition.offset = nexts.get(key, OFFSET_BEGINNING)
        self._mine = {(p.topic, p.partition) for p in partitions}
        self._nexts = {key: nexts[key] for key in self._mine if key in nexts}
        if partitions:
            self._consumer.assign(partitions)
            _log.info("assigned", partitions=len(partitions), known=len(self._nexts))
            self._assigned()

    def _lookup(self) -> dict[Partition, int]:
        self._topic_ids = self._positions.logs({p.topic for p in self._unplaced})
        return self._positions.read(self._topic_ids)

    def _revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Drop what is unwritten: the next owner reads it again from ClickHouse's position."""
        del consumer
        _log.info("revoked", partitions=len(partitions), dropped=self._batch.records)
        self._batch.clear()
        self._mine.clear()
        self._unplaced = []

    # -- writing -------------------------------------------------------------------------------

    def _write(self) -> None:
        """Store the batch, however long ClickHouse is away; meanwhile nothing more is read."""
        self._outlast(self._store)

    def _store(self) -> None:
        """One attempt; a revocation between two may have emptied the batch."""
        self._writer.store(self._batch, self._topic_ids)
        if self._batch.nexts:
            self._nexts |= self._batch.nexts
            self._commit()
        self._batch.clear()

    def _commit(self) -> None:
        offsets = [TopicPartition(t, p, offset) for (t, p), offset in self._batch.nexts.items()]
        try:
            self._consumer.commit(offsets=offsets, asynchronous=not self._stop.is_set())
        except KafkaException as error:  # only the lag shown by Kafka suffers
            _log.info("not committed", error=str(error))

    def _wait(self, seconds: float) -> None:
        """Spend a pause in the group: partitions paused, heartbeats and rebalances going on."""
        if not self._paused:
            self._consumer.pause(self._consumer.assignment())
            self._paused = True
        until = time.monotonic() + seconds
        while not self._stop.is_set() and (left := until - time.monotonic()) > 0:
            self._read(min(left, 0.5))

    def _outlast(self, do: Callable[[], T]) -> T:
        """`do()` until it works. Raises Stopped, and what waiting cannot mend."""
        done = patiently(do, self._stop, self._settings.retry_seconds, self._wait, self._failed)
        if self._paused:
            self._consumer.resume(self._consumer.assignment())
            self._paused = False
        self._failure = None
        return done

    def _failed(self, error: Exception) -> None:
        self._failure = str(error)


def _event_id(message: Message) -> str | None:
    headers = message.headers() or []
    value = next((value for name, value in headers if name == "ce_id"), None)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else None
