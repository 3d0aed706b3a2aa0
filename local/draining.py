"""Whether everything that went in has come out: the end of a replay."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas import topics
from schemas.topics import Topic

SOURCES = (topics.REGISTRATIONS, topics.CONNECTIONS, topics.CALLS, topics.NODES)
INTERNAL = (topics.CONNECTION_OWNERS, topics.CONNECTION_LOSSES, topics.NODE_CHANGES)
# What is derived from what, in order.
_STEPS = (SOURCES, (topics.CONNECTION_OWNERS, topics.NODE_CHANGES), (topics.CONNECTION_LOSSES,))
_TIMEOUT = 15.0


class StreamsProgress:
    """Watches how far the streams have committed, without joining their group."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._consumer = Consumer(kafka.consumer("streams"))
        self._parts = [
            TopicPartition(kafka.name(topic), partition)
            for topic in (*SOURCES, *INTERNAL)
            for partition in range(kafka.partitions)
        ]
        self._last: tuple[int, ...] | None = None

    def behind(self) -> str | None:
        """What is not consumed yet, in words; None once all is, twice in a row unchanged.

        Twice, because folding the last record of one topic may write to another.
        While no broker answers, that. Raises KafkaMisconfigured.
        """
        try:
            ends, lagging = [], []
            for part in self._consumer.committed(self._parts, _TIMEOUT):
                low, high = self._consumer.get_watermark_offsets(part, _TIMEOUT)
                ends.append(high)
                if low < high and part.offset < high:
                    missing = high - max(part.offset, low)
                    lagging.append(f"{part.topic}/{part.partition}: {missing} records")
        except KafkaException as error:
            self._last = None
            translated = translate(error, self._kafka)
            if isinstance(translated, KafkaUnavailable):
                return str(translated)
            raise translated from error
        settled = not lagging and self._last == tuple(ends)
        self._last = tuple(ends)
        if settled:
            return None
        return ", ".join(lagging) or "the last commits"

    def settled(self) -> bool:
        """Whether all that is in Kafka now is folded, and what follows from it too.

        False while no broker answers.
        """
        try:
            # Each step's records are written before the step before it is committed.
            return all(self._has_read(topics) for topics in _STEPS)
        except KafkaException:
            return False

    def _has_read(self, step: tuple[Topic, ...]) -> bool:
        names = {self._kafka.name(topic) for topic in step}
        parts = [part for part in self._parts if part.topic in names]
        ends = [self._consumer.get_watermark_offsets(part, _TIMEOUT) for part in parts]
        committed = self._consumer.committed(parts, _TIMEOUT)
        return all(
            low == high or done.offset >= high
            for done, (low, high) in zip(committed, ends, strict=True)
        )

    def close(self) -> None:
        self._consumer.close()
