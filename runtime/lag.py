"""Consumer lag of a stage: how many records it is behind the ends of its partitions, and how long.

Seconds are those since the newest time at which the partition ended where the stage is now: records
need no timestamps, and brokers' clocks do not count.
"""

import time
from collections import deque
from collections.abc import Callable, Mapping

from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime import metrics

# (topic, number)
Partition = tuple[str, int]
# Of each partition so many ends are kept; then every second one is dropped.
_ENDS_MAX = 512


class PartitionLag:
    """The ends of one partition as they were observed, from the stage's position on."""

    def __init__(self) -> None:
        self._ends: deque[tuple[float, int]] = deque()
        self._position = 0

    def observe(self, now: float, position: int, end: int) -> tuple[int, float]:
        """Records and seconds that `position`, the next offset to do, is behind `end`."""
        ends = self._ends
        if position < self._position:
            ends.clear()
        self._position = position
        ends.append((now, end))
        while len(ends) > 1 and ends[1][1] <= position:
            ends.popleft()
        if len(ends) > _ENDS_MAX:
            self._ends = deque([ends[0], *list(ends)[1::2]])
        behind = max(0, end - position)
        return behind, now - ends[0][0] if behind else 0.0


class LagMeter:
    """The gauges of one stage. Call `measure` often: it does something every `interval` seconds."""

    def __init__(
        self, stage: str, interval: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """`clock` is monotonic, in seconds."""
        self._stage = stage
        self._interval = interval
        self._clock = clock
        self._due = clock()
        self._lags: dict[Partition, PartitionLag] = {}
        self._topics: set[str] = set()

    def measure(
        self,
        positions: Callable[[], Mapping[Partition, int]],
        end_of: Callable[[str, int], int | None],
    ) -> None:
        """Set the gauges of each topic: the sum of its partitions' records, the longest seconds.

        `positions` are the next offsets to do of all partitions that the stage owns now; `end_of`
        is a partition's end, None where it is not known.
        """
        now = self._clock()
        if now < self._due:
            return
        self._due = now + self._interval
        owned = positions()
        self._lags = {key: self._lags.get(key) or PartitionLag() for key in owned}
        records = dict.fromkeys(self._topics | {topic for topic, _ in owned}, 0)
        seconds = dict.fromkeys(records, 0.0)
        for (topic, number), position in owned.items():
            if (end := end_of(topic, number)) is not None:
                behind, since = self._lags[topic, number].observe(now, position, end)
                records[topic] += behind
                seconds[topic] = max(seconds[topic], since)
        self._topics = set(records)
        for topic, count in records.items():
            labels = {"stage": self._stage, "topic": topic}
            metrics.LAG_RECORDS.set(count, labels)
            metrics.LAG_SECONDS.set(seconds[topic], labels)


def fetched_end(consumer: Consumer) -> Callable[[str, int], int | None]:
    """`end_of` for LagMeter: a partition's end as of the consumer's last fetch from it.

    It asks no broker; of a paused partition it is the end at the pause.
    """

    def end_of(topic: str, number: int) -> int | None:
        try:
            _, high = consumer.get_watermark_offsets(TopicPartition(topic, number), cached=True)
        except KafkaException:
            return None
        return int(high) if high >= 0 else None

    return end_of
