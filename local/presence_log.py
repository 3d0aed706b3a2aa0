"""Reading rollcall.presence as a subscriber does: in order, each version of a user once."""

import time
from collections.abc import Iterator

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaException, Message, TopicPartition

from runtime.kafka import KafkaSettings, translate
from schemas import codec
from schemas.presence import Presence
from schemas.topics import Topic

_TIMEOUT = 15.0


def end_offsets(kafka: KafkaSettings, topic: Topic) -> dict[int, int]:
    """The end offset of each partition. Raises KafkaUnavailable, KafkaMisconfigured."""
    consumer = Consumer(kafka.consumer("cli"))
    try:
        found = consumer.list_topics(kafka.name(topic), timeout=_TIMEOUT).topics
        partitions = found[kafka.name(topic)].partitions
        return {
            p: consumer.get_watermark_offsets(TopicPartition(kafka.name(topic), p), _TIMEOUT)[1]
            for p in partitions
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
        self._kafka, self._topic = kafka, topic
        self._consumer = Consumer(kafka.consumer("cli"))
        self._positions = start or dict.fromkeys(end_offsets(kafka, topic), 0)
        name = kafka.name(topic)
        self._consumer.assign(
            [TopicPartition(name, p, o or OFFSET_BEGINNING) for p, o in self._positions.items()]
        )

    def poll(self, timeout: float) -> Iterator[Message]:
        """Messages that are there within `timeout` seconds of the first."""
        first = self._consumer.poll(timeout)
        # consume(n, t) would wait all of t unless n arrive: ask it only for what is here.
        for message in [first, *self._consumer.consume(1000, 0)] if first else []:
            if (error := message.error()) is not None:
                raise translate(KafkaException(error), self._kafka)
            self._positions[message.partition()] = message.offset() + 1
            yield message

    def read_to_end(self, timeout: float = 60.0) -> Iterator[Message]:
        """Everything up to the end the topic has now. Raises TimeoutError."""
        ends = end_offsets(self._kafka, self._topic)
        deadline = time.monotonic() + timeout
        while any(self._positions.get(p, 0) < end for p, end in ends.items() if not self._gone(p)):
            yield from self.poll(0.2)
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._topic.name} was not read to its end in {timeout} s")

    def _gone(self, partition: int) -> bool:
        """Whether nothing is left to read though offsets were handed out (compaction, deletion)."""
        low, high = self._consumer.get_watermark_offsets(
            TopicPartition(self._kafka.name(self._topic), partition), _TIMEOUT
        )
        return bool(low >= high)

    def close(self) -> None:
        self._consumer.close()


class Subscriber:
    """Presence as a careful subscriber sees it: a version already seen is not news."""

    def __init__(self) -> None:
        self._versions: dict[str, int] = {}

    def news(self, messages: Iterator[Message]) -> Iterator[Presence]:
        """The presence records among `messages` that are newer than what was seen."""
        for message in messages:
            if message.value() is None:
                continue
            presence = codec.decode(Presence, message.value() or b"")
            if presence.version > self._versions.get(presence.aor, 0):
                self._versions[presence.aor] = presence.version
                yield presence
