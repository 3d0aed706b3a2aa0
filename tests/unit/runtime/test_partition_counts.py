"""Whether the topics still have the number of partitions that the settings name."""

from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.partition_counts import PartitionCounts
from schemas import topics

KAFKA = KafkaSettings(partitions=4)


class TopicCounts:
    """A cluster's topics and their numbers of partitions; the next `away` calls get no answer."""

    def __init__(self, **counts: int) -> None:
        self.counts = {KAFKA.name(topic): 4 for topic in topics.ALL}
        self.counts |= {f"rollcall.{name}": count for name, count in counts.items()}
        self.away = 0
        self.checks = 0
        self.widened_after: int | None = (
            None  # so many checks the topic media has another partition
        )

    def list_topics(self, timeout: float) -> Any:
        assert timeout > 0
        self.checks += 1
        if self.checks == self.widened_after:
            self.counts["rollcall.media"] = 5
        if self.away:
            self.away -= 1
            raise KafkaException(KafkaError(KafkaError._TRANSPORT))
        found = {n: SimpleNamespace(partitions=range(c)) for n, c in self.counts.items()}
        return SimpleNamespace(topics=found)


def test_a_check_names_the_topic_and_both_counts_until_they_are_right() -> None:
    cluster = TopicCounts(registrations=6, calls=0)  # calls has no metadata at the moment
    counts = PartitionCounts(KAFKA, cluster.list_topics)
    assert counts.trouble is None
    found = counts.check()
    assert found == counts.trouble
    assert found == "rollcall.registrations has 6 partitions; kafka.partitions is 4"
    cluster.away = 1
    with pytest.raises(KafkaUnavailable):
        counts.check()
    assert counts.trouble == found
    cluster.counts["rollcall.registrations"] = 4
    del cluster.counts["rollcall.media"]
    assert counts.check() is None
