"""Writing to and reading whole topics in tests."""

from collections.abc import Iterable
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, Consumer, Message, Producer, TopicPartition

from runtime.kafka import KafkaSettings
from schemas import codec
from schemas.presence import Presence
from schemas.topic import Topic
from schemas.topics import PRESENCE
from tests.eventually import eventually


def write(kafka: KafkaSettings, records: Iterable[tuple[Topic, str, Any]]) -> None:
    """Produce (topic, key, event or bytes) in order and wait for all acknowledgements."""
    producer = Producer(kafka.producer())
    for topic, key, event in records:
        value = event if isinstance(event, bytes) else codec.encode(event)
        producer.produce(kafka.name(topic), value, key)
        producer.poll(0)
    assert producer.flush(60) == 0


def ends(kafka: KafkaSettings, topic: Topic) -> dict[int, int]:
    """The end offset of each partition."""
    consumer = Consumer(kafka.consumer("test-ends"))
    try:
        return {
            p: consumer.get_watermark_offsets(TopicPartition(kafka.name(topic), p), 30)[1]
            for p in range(kafka.partitions)
        }
    finally:
        consumer.close()


def read(kafka: KafkaSettings, topic: Topic) -> list[Message]:
    """Every record of the topic up to its present end, in order within each partition."""
    consumer = Consumer(kafka.consumer("test-read"))
    try:
        left = {p: end for p, end in ends(kafka, topic).items() if end}
        consumer.assign([TopicPartition(kafka.name(topic), p, OFFSET_BEGINNING) for p in left])
        found: list[Message] = []

        def reached() -> bool:
            for message in consumer.consume(1000, 0.2):
                assert message.error() is None
                found.append(message)
                if message.offset() + 1 >= left.get(message.partition(), 0):
                    left.pop(message.partition(), None)
            return not left

        eventually(reached, 60, what=f"{topic.name} read to its end")
        return found
    finally:
        consumer.close()


def presences(kafka: KafkaSettings) -> list[Presence]:
    """Every presence record so far."""
    return [codec.validate(Presence, m.value() or b"") for m in read(kafka, PRESENCE)]


def is_consumed(kafka: KafkaSettings, group: str, topics: Iterable[Topic]) -> bool:
    """Whether the group committed all of these topics to their ends."""
    consumer = Consumer(kafka.consumer(group))  # never subscribes, so never joins the group
    try:
        parts = [TopicPartition(kafka.name(t), p) for t in topics for p in range(kafka.partitions)]
        return all(
            part.offset >= consumer.get_watermark_offsets(part, 30)[1] or _is_empty(consumer, part)
            for part in consumer.committed(parts, 30)
        )
    finally:
        consumer.close()


def _is_empty(consumer: Consumer, part: TopicPartition) -> bool:
    low, high = consumer.get_watermark_offsets(part, 30)
    return bool(low == high)
