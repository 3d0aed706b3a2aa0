"""rollcall.call-records: written by the calls stage, and its memory over a restart."""

from collections.abc import Iterator
from datetime import UTC, datetime

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from runtime import logs
from runtime.kafka import KafkaSettings, translate
from runtime.log_reader import read_to_end
from runtime.topic_parts import Part
from schemas.call_record import CallRecord
from schemas.cloudevents import headers
from schemas.codec import InvalidRecord, decode, encode
from schemas.topics import CALL_RECORDS

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
    found: dict[str, tuple[CallRecord, datetime]] = {}
    for message in read_to_end(kafka, Part(CALL_RECORDS), "calls-records"):
        _take(found, message)
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
