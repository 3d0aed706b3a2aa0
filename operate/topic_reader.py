"""Reads one topic from Kafka, to its end or as records come, without a consumer group."""

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
from schemas.topic import Topic

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
    """The end offset of each partition; waits while leaders are being elected.

    Raises KafkaUnavailable, KafkaMisconfigured.
    """
    return {partition: end for partition, (_, end) in _offsets(kafka, topic).items()}


def _offsets(kafka: KafkaSettings, topic: Topic) -> dict[int, tuple[int, int]]:
    """The first and end offset of each partition, by a separate client.

    A consumer that is fetching would answer late: its broker serves one request after the other,
    and a fetch without new records waits half a second.
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
        # The last record of a partition may be compacted away: only the EOF event shows the end.
        self._consumer = Consumer(kafka.consumer("cli", **{"enable.partition.eof": True}))
        self._positions = dict(start or dict.fromkeys(end_offsets(kafka, topic), 0))
        name = kafka.name(topic)
        # Without known leaders, the first fetch would wait a second for the next metadata.
        self._consumer.list_topics(name, timeout=_TIMEOUT)
        self._consumer.assign([TopicPartition(name, p, o) for p, o in self._positions.items()])

    def poll(self, timeout: float) -> Iterator[Message]:
        """The messages that are available, waiting up to `timeout` seconds for the first."""
        first = self._consumer.poll(timeout)
        if first is None:  # a tombstone is a message of length 0, and so not true
            return
        # consume(n, t) waits all of t unless n arrive: ask only for what was fetched.
        for message in (first, *self._consumer.consume(1000, 0)):
            error = message.error()
            if error is None:
                self._positions[message.partition()] = message.offset() + 1
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                self._positions[message.partition()] = message.offset()
            else:
                raise translate(KafkaException(error), self._kafka)

    def read_to_end(self, timeout: float = 60.0) -> Iterator[Message]:
        """All messages up to the topic's current end. Raises NotReadToEnd."""
        ends = end_offsets(self._kafka, self._topic)
        return self.read_to({p: ends[p] for p in self._positions}, timeout)

    def read_to(self, ends: dict[int, int], timeout: float = 60.0) -> Iterator[Message]:
        """All messages before these offsets, and perhaps some after them.

        Raises NotReadToEnd when no message comes for `timeout` seconds.
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
