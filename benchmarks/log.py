"""Reads a topic while it is written: the time and value of each record."""

import time

from confluent_kafka import Consumer, TopicPartition

from benchmarks.results import WARM_UP
from benchmarks.scene import NotReached
from runtime.kafka import KafkaSettings
from schemas.topic import Topic


class Log:
    """Reads from the topic's present end on."""

    def __init__(self, kafka: KafkaSettings, topic: Topic) -> None:
        self._consumer = Consumer(kafka.consumer("benchmark-log"))
        name = kafka.name(topic)
        parts = [TopicPartition(name, number) for number in range(kafka.partitions)]
        for part in parts:
            part.offset = self._consumer.get_watermark_offsets(part, timeout=10)[1]
        self._consumer.assign(parts)

    def take(self, count: int, seconds: float) -> list[tuple[float, bytes]]:
        """(monotonic seconds, value) of the next `count` records. Raises NotReached."""
        found: list[tuple[float, bytes]] = []
        deadline = time.monotonic() + seconds
        while len(found) < count:
            if time.monotonic() > deadline:
                raise NotReached(f"{len(found)} of {count} records within {seconds:.0f} s")
            first = self._consumer.poll(0.2)
            if first is not None:
                now = time.monotonic()
                messages = [first, *self._consumer.consume(1_000, timeout=0)]
                found += [(now, m.value() or b"") for m in messages if not m.error()]
        return found

    def close(self) -> None:
        self._consumer.close()


def per_second(times: list[float]) -> int:
    """The rate after the first tenth."""
    warm = int(len(times) * WARM_UP)
    return round((len(times) - 1 - warm) / (times[-1] - times[warm]))
