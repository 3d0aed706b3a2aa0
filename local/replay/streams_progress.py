"""How far the streams have processed what is in Kafka: the end of a replay."""

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings, KafkaUnavailable, translate
from schemas import topics
from schemas.topic import Topic

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
        self._goal: dict[
            TopicPartition, tuple[int, int]
        ] = {}  # first and end offsets at an earlier call
        self._nodes: dict[
            TopicPartition, int
        ] = {}  # ends at the first of repeated calls of is_caught_up

    def behind(self) -> str | None:
        """What is not consumed yet, as a sentence; None once everything is, and nothing was added.

        Folding the last record of one topic may write to another, so the ends must stay the same
        for two calls, except for node events: heartbeats never stop. While no broker answers, the
        sentence has the reason. Raises KafkaMisconfigured.
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
        is_done = bool(self._goal) and not lagging and self._lasting(goal) == self._lasting(ends)
        if not lagging or not self._goal:
            self._goal = ends
        if is_done:
            return None
        return ", ".join(lagging) or "the last commits"

    def _lasting(self, ends: dict[TopicPartition, tuple[int, int]]) -> list[int]:
        """The ends of the topics without heartbeats."""
        nodes = self._kafka.name(topics.NODES)
        return [high for part, (_, high) in ends.items() if part.topic != nodes]

    def is_caught_up(self) -> bool:
        """Whether everything in Kafka is folded, and what was derived from it too.

        Heartbeats never stop: of the nodes' events, those count that were there at the first call
        since the last True. False while no broker answers.
        """
        try:
            # Each step's records are written before the step before it is committed.
            done = all(self._has_read(topics) for topics in _STEPS)
        except KafkaException:
            return False
        if done:
            self._nodes = {}
        return done

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
        """Close the consumer."""
        self._consumer.close()
