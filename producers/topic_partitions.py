"""How many partitions the topics have, asked over the publisher's session while Kafka answers."""

import time
from collections.abc import Callable
from typing import Any

from producers.delivery import Delivery
from runtime.kafka import KafkaMisconfigured, KafkaSettings, KafkaUnavailable
from runtime.partition_counts import PartitionCounts
from schemas.topic import Topic

_TIMEOUT = 1.0


class TopicPartitions:
    """`count` for records that go to every partition; `check` that the settings are right."""

    def __init__(self, kafka: KafkaSettings, delivery: Delivery) -> None:
        self._kafka = kafka
        self._delivery = delivery
        self._known: dict[str, int] = {}
        self._counts = PartitionCounts(kafka, self._list_topics)
        self._check_seconds = kafka.partition_check_interval.total_seconds()
        self._next_check = time.monotonic()

    @property
    def trouble(self) -> str | None:
        """Why records of these topics cannot be joined; None if they can."""
        return self._counts.trouble

    def count(self, topic: Topic) -> int:
        """The topic's partitions; those of the settings until Kafka has answered."""
        name = self._kafka.name(topic)
        if name not in self._known and not self._delivery.spooling:
            found = self._delivery.session.partitions(name, _TIMEOUT)
            if found is not None:
                self._known[name] = found
        return self._known.get(name, self._kafka.partitions)

    def check(self, failed: Callable[[str], None]) -> None:
        """Compare the topics with the settings, now and then; `failed` gets what Kafka answers."""
        now = time.monotonic()
        if now < self._next_check or self._delivery.spooling:
            return
        self._next_check = now + self._check_seconds
        try:
            self._counts.check(_TIMEOUT)
        except (KafkaUnavailable, KafkaMisconfigured) as error:
            failed(f"topics: {error}")

    def _list_topics(self, timeout: float) -> Any:
        return self._delivery.session.list_topics(timeout)
