"""Why the calls stage ends when it loses its partitions. Only a real group rebalances by itself."""

from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import TopicPartition

from calls import consumer
from calls.consumer import CallConsumer
from calls.errors import AssignmentLost
from runtime.kafka import KafkaSettings


class Group:
    """Stands for the client: keeps what it is to call."""

    def __init__(self, options: dict[str, Any]) -> None:
        self.options = options
        self.calls: dict[str, Callable[[Any, list[TopicPartition]], None]] = {}

    def subscribe(self, topics: list[str], **calls: Any) -> None:
        assert topics
        self.calls = calls

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert partitions == []


def begun(monkeypatch: pytest.MonkeyPatch) -> Group:
    groups: list[Group] = []

    def join(options: dict[str, Any]) -> Group:
        groups.append(Group(options))
        return groups[-1]

    monkeypatch.setattr(consumer, "Consumer", join)
    CallConsumer(KafkaSettings(bootstrap_servers="127.0.0.1:1"), "one").begin()
    return groups[-1]


@pytest.mark.parametrize(
    ("event", "reason"),
    [("on_revoke", "another member is in the group"), ("on_lost", "Kafka has not heard of this")],
)
def test_the_reason_is_named(event: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    group = begun(monkeypatch)
    with pytest.raises(AssignmentLost, match=reason):
        group.calls[event](group, [])
