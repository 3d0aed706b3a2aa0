"""Reads partitions of a compacted topic from their beginning to their present end."""

from collections.abc import Iterable, Iterator

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from runtime.kafka import KafkaSettings, no_answer, translate
from schemas.topics import Topic

# librdkafka requires a name; without subscribing or committing no such group exists.
_GROUP = "to-end"
_FETCH = 1000
_TIMEOUT_SECONDS = 15.0


def read_partitions(
    kafka: KafkaSettings, topic: Topic, partitions: Iterable[int]
) -> Iterator[Message]:
    """Each record of these partitions. Raises KafkaUnavailable, KafkaMisconfigured."""
    left = set(partitions)
    if not left:
        return
    name = kafka.name(topic)
    # The last record of a partition may be compacted away: only the EOF event shows the end.
    consumer = Consumer(kafka.consumer(_GROUP, **{"enable.partition.eof": True}))
    try:
        consumer.list_topics(name, timeout=_TIMEOUT_SECONDS)
        consumer.assign([TopicPartition(name, number, OFFSET_BEGINNING) for number in left])
        while left:
            first = consumer.poll(_TIMEOUT_SECONDS)
            if first is None:
                raise no_answer(kafka, f"{name} was not read to its end")
            for message in (first, *consumer.consume(_FETCH, 0)):
                failure = message.error()
                if failure is None:
                    yield message
                elif failure.code() == KafkaError._PARTITION_EOF:
                    left.discard(message.partition())
                else:
                    raise translate(KafkaException(failure), kafka)
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()
