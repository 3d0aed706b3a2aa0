"""rollcall.call-records: written by the calls stage, and its memory over a restart."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from runtime import logs
from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas.call_record import CallRecord
from schemas.cloudevents import headers
from schemas.codec import InvalidRecord, decode, encode
from schemas.topics import CALL_RECORDS

_GROUP = "calls-records"
_FETCH = 2_000
_TIMEOUT_SECONDS = 10.0
_STALL_SECONDS = 60.0
# An empty partition shows its end after so long.
_OPTIONS = {"enable.partition.eof": True, "fetch.wait.max.ms": 50}
log = logs.get(__name__)


class RecordProducer:
    """Records in order by key; `flush` before the offsets of their events are committed."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._topic = kafka.name(CALL_RECORDS)
        self._producer = Producer(kafka.producer())
        self._failure: KafkaError | None = None

    def write(self, record: CallRecord) -> None:
        """One record, under its call's id."""
        head = headers(
            CALL_RECORDS,
            id=f"{record.id}/{record.version}",
            source="rollcall/calls",
            subject=record.id,
            time=max(leg.latest for leg in record.legs) if record.legs else record.started,
            kind=record.state,
        )
        self._produce(record.id, encode(record), head)

    def remove(self, id_: str) -> None:
        """A tombstone: readers forget the call, and compaction its record."""
        self._produce(id_, None, [])

    def flush(self) -> None:
        """Return when Kafka has all; it may be away for as long as librdkafka retries.

        Raises KafkaUnavailable, KafkaMisconfigured: then nothing may be committed.
        """
        while self._producer.flush(1.0) and self._failure is None:
            pass
        if self._failure is not None:
            raise translate(KafkaException(self._failure), self._kafka)

    def _produce(self, key: str, value: bytes | None, head: list[tuple[str, bytes]]) -> None:
        while True:
            try:
                self._producer.produce(
                    self._topic, value, key.encode(), headers=head, on_delivery=self._delivered
                )
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        del message
        self._failure = self._failure or error


def read_records(kafka: KafkaSettings) -> Iterator[tuple[CallRecord, datetime]]:
    """The last record of each call that is in the topic now, and when it was written.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    name = kafka.name(CALL_RECORDS)
    consumer = Consumer(kafka.consumer(_GROUP, **_OPTIONS))
    found: dict[str, tuple[CallRecord, datetime]] = {}
    try:
        partitions = consumer.list_topics(name, timeout=_TIMEOUT_SECONDS).topics[name].partitions
        left = set(partitions)
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in left])
        deadline = time.monotonic() + _STALL_SECONDS
        while left:
            for message in consumer.consume(_FETCH, 0.1):
                deadline = time.monotonic() + _STALL_SECONDS
                error = message.error()
                if error is None:
                    _take(found, message)
                elif error.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    log.warning("error while reading call records", error=error.str())
            if time.monotonic() > deadline:
                raise KafkaUnavailable(f"{name} was not read to its end")
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()
    yield from found.values()


def _take(found: dict[str, tuple[CallRecord, datetime]], message: Message) -> None:
    """The newest record of a key counts; a tombstone removes it."""
    key, value = (message.key() or b"").decode("utf-8", "replace"), message.value()
    found.pop(key, None)
    if value is None:
        return
    try:
        record = decode(CallRecord, value)
    except InvalidRecord as error:
        log.error("call record ignored", key=key, reason=str(error))
        return
    written = datetime.fromtimestamp((message.timestamp()[1] or 0) / 1000, UTC)
    found[key] = record, written
