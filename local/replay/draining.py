"""Whether everything that went in has come out: the end of a replay."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas import topics
from schemas.topics import Topic

SOURCES = (topics.REGISTRATIONS, topics.CONNECTIONS, topics.CALLS, topics.NODES, topics.MEDIA)
# What is derived from them, in order.
_DERIVED = (
    (topics.CONNECTION_OWNERS, topics.CALL_OWNERS, topics.NODE_CHANGES),
    (topics.CONNECTION_LOSSES, topics.MEDIA_UPDATES),
)
_STEPS = (SOURCES, *_DERIVED)
_TIMEOUT = 15.0


class StreamsProgress:
    """Watches how far the streams have committed, without joining their group."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        self._consumer = Consumer(kafka.consumer("streams"))
        self._parts = [
            TopicPartition(kafka.name(topic), partition)
            for step in _STEPS
            for topic in step
            for partition in range(kafka.partitions)
        ]
        self._goal: dict[TopicPartition, tuple[int, int]] = {}  # low and end, of a call before
        self._nodes: dict[TopicPartition, int] = {}  # ends since `settled` was asked first

    def behind(self) -> str | None:
        """What is not consumed yet, in words; None once all is, and nothing was written since.

        Nothing, because folding the last record of one topic may write to another. But heartbeats,
        which never end: of them, those that were there when this was asked before.
        While no broker answers, that. Raises KafkaMisconfigured.
        """
        try:
            committed = self._consumer.committed(self._parts, _TIMEOUT)
            ends = {
                part: self._consumer.get_watermark_offsets(part, _TIMEOUT) for part in self._parts
            }
        except KafkaException as error:
            self._goal = {}
            translated = translate(error, self._kafka)
            if isinstance(translated, KafkaUnavailable):
                return str(translated)
            raise translated from error
        goal = self._goal or ends
        lagging = [
            f"{part.topic}/{part.partition}: {high - max(part.offset, low)} records"
            for part in committed
            for low, high in [goal[part]]
            if low < high and part.offset < high
        ]
        settled = bool(self._goal) and not lagging and self._lasting(goal) == self._lasting(ends)
        if not lagging or not self._goal:
            self._goal = ends
        if settled:
            return None
        return ", ".join(lagging) or "the last commits"

    def _lasting(self, ends: dict[TopicPartition, tuple[int, int]]) -> list[int]:
        """The ends of topics that are written to only where there is news."""
        nodes = self._kafka.name(topics.NODES)
        return [high for part, (_, high) in ends.items() if part.topic != nodes]

    def settled(self) -> bool:
        """Whether all that is in Kafka now is folded, and what follows from it too.

        Of the nodes' events, whose heartbeats never end, those that were there when this was asked
        first since it was last so. False while no broker answers.
        """
        try:
            # Each step's records are written before the step before it is committed.
            settled = all(self._has_read(topics) for topics in _STEPS)
        except KafkaException:
            return False
        if settled:
            self._nodes = {}
        return settled

    def _has_read(self, step: tuple[Topic, ...]) -> bool:
        names = {self._kafka.name(topic) for topic in step}
        parts = [part for part in self._parts if part.topic in names]
        ends = [self._consumer.get_watermark_offsets(part, _TIMEOUT) for part in parts]
        committed = self._consumer.committed(parts, _TIMEOUT)
        return all(
            low == high or done.offset >= self._end_of(done, high)
            for done, (low, high) in zip(committed, ends, strict=True)
        )

    def _end_of(self, part: TopicPartition, high: int) -> int:
        is_nodes = part.topic == self._kafka.name(topics.NODES)
        return self._nodes.setdefault(part, high) if is_nodes else high

    def close(self) -> None:
        self._consumer.close()
