"""Reads one user's part of the log from Kafka: their partition of each topic, merged by time."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial

from confluent_kafka import Consumer, KafkaException, TopicPartition

from operate.explain.records import LogRecord, Span, by_time
from runtime.kafka import KafkaMisconfigured, KafkaSettings, translate
from runtime.log_reader import QUICK, LogReader
from runtime.partitioner import partition_of
from runtime.topic_parts import Part, partition_numbers
from schemas.topic import Topic

_TIMEOUT = 15.0
_EPOCH, _MILLISECOND = datetime.fromtimestamp(0, UTC), timedelta(milliseconds=1)


def find(
    kafka: KafkaSettings,
    wanted: Iterable[Topic],
    aor: str,
    since: datetime | None,
    until: datetime | None,
) -> list[Span]:
    """The spans that hold the user's records of these topics, from `since` up to `until`.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    consumer = Consumer(kafka.consumer("cli"))
    try:
        return [_span(consumer, kafka, topic, aor, since, until) for topic in wanted]
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()


def _span(
    consumer: Consumer,
    kafka: KafkaSettings,
    topic: Topic,
    aor: str,
    since: datetime | None,
    until: datetime | None,
) -> Span:
    name = kafka.name(topic)
    count = len(partition_numbers(consumer, name))
    if not count:
        raise KafkaMisconfigured(f"{name} is missing: `rollcall topics --create` makes it")
    partition = partition_of(aor.encode(), count)
    low, high = consumer.get_watermark_offsets(TopicPartition(name, partition), _TIMEOUT)

    def first_from(at: datetime, later: int) -> int:
        """The first offset produced at `at` plus `later` ms, or later."""
        milliseconds = (at - _EPOCH) // _MILLISECOND + later
        wanted = TopicPartition(name, partition, milliseconds)
        (found,) = consumer.offsets_for_times([wanted], _TIMEOUT)
        return high if found.offset < 0 else int(found.offset)

    begin = low if since is None else max(low, first_from(since, 0))
    end = high if until is None else first_from(until, 1)
    end = max(begin, end)
    return Span(topic, partition, begin, end, begin == 0, skipped=begin > low)


def read(kafka: KafkaSettings, span: Span) -> Iterator[LogRecord]:
    """The span's records in order. Raises KafkaUnavailable, KafkaMisconfigured, TopicReplaced."""
    if span.begin >= span.end:
        return
    part = Part(span.topic, offsets={span.partition: span.begin})
    reader = LogReader(kafka, [part], "cli", options=QUICK)
    try:
        for message in reader.read_to_end():
            offset = message.offset()
            if offset >= span.end:
                break
            _, timestamp = message.timestamp()
            record = LogRecord(
                topic=span.topic,
                partition=span.partition,
                offset=offset,
                timestamp=timestamp,
                key=message.key(),
                value=message.value(),
            )
            if span.oldest is None:
                span.oldest = record.produced
            yield record
    finally:
        reader.close()


def read_by_time(kafka: KafkaSettings, spans: Iterable[Span]) -> Iterator[LogRecord]:
    """The spans' records merged by time, with one fetch of each in memory."""
    return by_time(map(partial(read, kafka), spans))
