"""How much the streams write to Kafka's log: keys and values, before compression."""

from confluent_kafka import Consumer, TopicPartition

from benchmarks.scene import NotReached
from runtime.kafka import KafkaSettings
from schemas import topics

_TOPICS = [topic for topic in topics.ALL if topic.writers == ("streams",)]
_READ_SECONDS = 60.0
Ends = dict[tuple[str, int], int]


def ends(kafka: KafkaSettings) -> Ends:
    """The end of each partition that the streams write to."""
    consumer = Consumer(kafka.consumer("benchmark-logged"))
    try:
        return {
            (name, number): consumer.get_watermark_offsets(TopicPartition(name, number), 30)[1]
            for name in map(kafka.name, _TOPICS)
            for number in range(kafka.partitions)
        }
    finally:
        consumer.close()


def bytes_between(kafka: KafkaSettings, before: Ends, after: Ends) -> int:
    """Bytes of the records between two ends. Raises NotReached."""
    left = {place: end for place, end in after.items() if end > before[place]}
    consumer = Consumer(kafka.consumer("benchmark-logged"))
    found = 0
    try:
        consumer.assign([TopicPartition(*place, before[place]) for place in left])
        while left:
            messages = consumer.consume(10_000, timeout=_READ_SECONDS)
            if not messages:
                raise NotReached(f"not read within {_READ_SECONDS:.0f} s: {left}")
            for message in messages:
                if message.error():
                    raise NotReached(f"{message.error()}")
                place = message.topic() or "", message.partition() or 0
                offset = message.offset() or 0
                if offset < after[place]:
                    found += len(message.key() or b"") + len(message.value() or b"")
                if offset + 1 >= after[place]:
                    left.pop(place, None)
    finally:
        consumer.close()
    return found
