"""Whether the topic is still the same: when the cluster is asked."""

from concurrent.futures import Future
from datetime import timedelta

import pytest
from confluent_kafka.admin import TopicDescription

from runtime.kafka import KafkaSettings
from sinks.gateway import topic
from sinks.gateway.topic import IdentityCheck, Topic


def test_nothing_is_asked_while_kafka_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def ask(admin: object, name: str) -> "Future[TopicDescription]":
        del admin
        asked.append(name)
        return Future()

    monkeypatch.setattr(topic, "_asked", ask)
    kafka = KafkaSettings(
        bootstrap_servers="127.0.0.1:1", partition_check_interval=timedelta(microseconds=1)
    )
    check = IdentityCheck(kafka, "presence", Topic(b"epoch", 4, timedelta(days=1)))
    for _ in range(3):
        check.check(is_kafka_away=True)
    assert asked == []
    check.check(is_kafka_away=False)
    check.check(is_kafka_away=False)
    assert asked == ["presence"]
