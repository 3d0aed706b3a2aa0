"""How far this worker's consumer has read: what merging and leases ask before they decide."""

from typing import Any

from aiokafka.errors import KafkaError
from faust.types import TP

from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas.topics import NODES, Topic
from streams.consumed import TopicPartition


class ConsumerReading:
    """`streams.flow.merge.Reading` of a Faust app on the batch transport."""

    def __init__(self, app: Any, kafka: KafkaSettings) -> None:
        self._app = app
        self._kafka = kafka

    def ends(self, topic: Topic, number: int, written: int = 0) -> tuple[int, int | None]:
        """Where reading a partition began or goes on, and its end, as BatchConsumer.end says."""
        tp, consumer = self._tp(topic, number), self._app.consumer
        return consumer.resumed_at(tp), consumer.end(tp, written)

    def rounds(self) -> int:
        return int(self._app.consumer.rounds)

    def is_in_hand(self, topic: Topic, number: int) -> bool:
        return bool(self._app.consumer.is_in_hand(self._tp(topic, number)))

    def is_flowing(self) -> bool:
        return bool(self._app.consumer.flow_active)

    def is_live(self) -> bool:
        """Whether Faust has recovered the tables and feeds the agents."""
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

    def has(self, number: int) -> bool:
        return number in self.assigned()

    def kafka_silence(self) -> float:
        """Seconds since a broker last answered."""
        return float(self._app.consumer.answers.silence)

    async def changelog_ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        """The offsets after the last records of changelog partitions. Raises KafkaUnavailable."""
        try:
            return dict(await self._app.consumer.highwaters(*changelogs))
        except KafkaError as error:
            raise KafkaUnavailable(str(error)) from error

    def forget(self, event: Any) -> None:
        self._app.consumer.forget(event.message)

    def _tp(self, topic: Topic, number: int) -> TP:
        return TP(self._kafka.name(topic), number)
