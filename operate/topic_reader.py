"""Reads one topic from Kafka up to its end or as records come, without a consumer group."""

import time
from collections.abc import Iterator

from confluent_kafka import (
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_fixed

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas.topics import Topic

_TIMEOUT = 15.0


class NotReadToEnd(Exception):
    """A topic could not be read up to its end in time; the message names it."""


@retry(
    retry=retry_if_exception_type(KafkaUnavailable),
    stop=stop_after_delay(_TIMEOUT),
    wait=wait_fixed(0.1),
    reraise=True,
)
def end_offsets(kafka: KafkaSettings, topic: Topic) -> dict[int, int]:
    """The end offset of each partition; waits for leaders that are just being elected.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    return {partition: end for partition, (_, end) in _offsets(kafka, topic).items()}


def _offsets(kafka: KafkaSettings, topic: Topic) -> dict[int, tuple[int, int]]:
    """First and end offset of each partition, by a client of its own.

    A consumer that is fetching answers late: its broker takes one request after the other, and a
    fetch that finds nothing new waits half a second.
    """
    name = kafka.name(topic)
    consumer = Consumer(kafka.consumer("cli"))
    try:
        partitions = consumer.list_topics(name, timeout=_TIMEOUT).topics[name].partitions
        return {
            p: consumer.get_watermark_offsets(TopicPartition(name, p), _TIMEOUT) for p in partitions
        }
    except KafkaException as error:
        raise translate(error, kafka) from error
    finally:
        consumer.close()


class TopicReader:
    """Reads one topic from given offsets (default: its beginning), without a consumer group."""

    def __init__(
        self, kafka: KafkaSettings, topic: Topic, start: dict[int, int] | None = None
    ) -> None:
        """Raises KafkaUnavailable, KafkaMisconfigured."""
        self._kafka, self._topic = kafka, topic
        # The end of a partition may hold no record to read (compacted away): so be told of it.
        self._consumer = Consumer(kafka.consumer("cli", **{"enable.partition.eof": True}))
        self._positions = dict(start or dict.fromkeys(end_offsets(kafka, topic), 0))
        name = kafka.name(topic)
        # Assigned before it knows the leaders, it would wait a second for its next look.
        self._consumer.list_topics(name, timeout=_TIMEOUT)
        self._consumer.assign([TopicPartition(name, p, o) for p, o in self._positions.items()])

    def poll(self, timeout: float) -> Iterator[Message]:
        """Messages that are there within `timeout` seconds of the first."""
        first = self._consumer.poll(timeout)
        # consume(n, t) would wait all of t unless n arrive: ask it only for what is here.
        for message in [first, *self._consumer.consume(1000, 0)] if first else []:
            error = message.error()
            if error is None:
                self._positions[message.partition()] = message.offset() + 1
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._positions[message.partition()] = message.offset()
            else:
                raise translate(KafkaException(error), self._kafka)

    def read_to_end(self, timeout: float = 60.0) -> Iterator[Message]:
        """Everything up to the end the topic has now. Raises NotReadToEnd."""
        ends = end_offsets(self._kafka, self._topic)
        return self.read_to({p: ends[p] for p in self._positions}, timeout)

    def read_to(self, ends: dict[int, int], timeout: float = 60.0) -> Iterator[Message]:
        """Everything before these offsets, and maybe some after them.

        Raises NotReadToEnd when nothing comes for `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while any(self._positions[p] < end for p, end in ends.items()):
            before = dict(self._positions)
            yield from self.poll(0.2)
            if self._positions != before:
                deadline = time.monotonic() + timeout
            elif time.monotonic() > deadline:
                raise NotReadToEnd(f"{self._topic.name} was not read to its end in {timeout} s")

    def close(self) -> None:
        self._consumer.close()
