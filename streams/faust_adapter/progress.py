"""The position of this worker's consumer, and whether it is live."""

from aiokafka.errors import KafkaError
from faust.types import TP

from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas.topic import Topic
from schemas.topics import NODES
from streams.consumed import SOURCES, TopicPartition
from streams.faust_adapter.app import StreamsApp


class ConsumerProgress:
    """`streams.flow.merge.Progress` of a StreamsApp."""

    def __init__(self, app: StreamsApp, kafka: KafkaSettings) -> None:
        self._app = app
        self._kafka = kafka
        self._sources = {kafka.name(topic) for topic in SOURCES}
        self._done: dict[TP, int] = {}  # the offsets acknowledged

    def high_watermark(self, topic: Topic, number: int, written: int = 0) -> int | None:
        end: int | None = self._app.consumer.high_watermark(self._tp(topic, number), written)
        return end

    def has_unread(self, topic: Topic, number: int, read: int, written: int = 0) -> bool:
        tp, consumer = self._tp(topic, number), self._app.consumer
        end = consumer.high_watermark(tp, written)
        return end is None or max(read, consumer.resumed_at(tp)) < end

    def is_in_flight(self, topic: Topic, number: int) -> bool:
        return bool(self._app.consumer.is_in_flight(self._tp(topic, number)))

    def rounds(self) -> int:
        return int(self._app.consumer.rounds)

    def is_active(self, number: int) -> bool:
        return number in self.assigned()

    def acknowledge(self, topic: Topic, number: int, offset: int) -> None:
        tp = self._tp(topic, number)
        self._done[tp] = offset
        self._app.consumer.acknowledge(tp, offset)

    def positions(self) -> dict[tuple[str, int], int]:
        """The next offset to fold of each source partition of this worker, by topic name.

        Empty while it is not live.
        """
        if not self.is_live():
            return {}
        consumer = self._app.consumer
        return {
            (tp.topic, tp.partition): max(self._done.get(tp, 0), consumer.resumed_at(tp))
            for tp in consumer.assignment()
            if tp.topic in self._sources
        }

    def end_of(self, topic: str, number: int) -> int | None:
        """The end of a partition, by topic name, as last reported; None where it is not known."""
        end: int | None = self._app.consumer.high_watermark(TP(topic, number))
        return end

    def is_live(self) -> bool:
        """Whether Faust has recovered the tables and feeds the queues."""
        app = self._app
        return bool(
            not app.rebalancing  # during a recovery the flow is active too
            and app.consumer.flow_active
            and app.tables.recovery.completed.is_set()
            and app.consumer.assignment()
        )

    def assigned(self) -> list[int]:
        """The partitions that are this worker's and recovered; none while it is not live."""
        if not self.is_live():
            return []
        name = self._kafka.name(NODES)
        return sorted(tp.partition for tp in self._app.consumer.assignment() if tp.topic == name)

    def kafka_silence(self) -> float:
        """Seconds since a broker last answered."""
        return float(self._app.consumer.answers.silence)

    async def changelog_ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets after the last records of changelog partitions. Raises KafkaUnavailable."""
        try:
            return dict(await self._app.consumer.highwaters(*changelogs))
        except KafkaError as error:
            raise KafkaUnavailable(str(error)) from error

    def _tp(self, topic: Topic, number: int) -> TP:
        return TP(self._kafka.name(topic), number)
