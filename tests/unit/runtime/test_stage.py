"""What all stages share: they wait for Kafka until they are stopped."""

import pytest

from runtime.kafka import KafkaMisconfigured, KafkaUnavailable
from runtime.stage import Stage, StageStopped


def test_a_stage_waits_until_kafka_answers() -> None:
    failures = [KafkaUnavailable("no answer")] * 3

    def connect() -> str:
        if failures:
            raise failures.pop()
        return "connected"

    assert Stage("test").wait_for_kafka(connect, pause=0) == "connected"
    assert not failures


def test_a_stop_ends_the_wait() -> None:
    stage = Stage("test")

    def connect() -> None:
        stage.stop.set()
        raise KafkaUnavailable("no answer")

    with pytest.raises(StageStopped):
        stage.wait_for_kafka(connect, pause=60)


def test_a_misconfiguration_is_raised_at_once() -> None:
    def connect() -> None:
        raise KafkaMisconfigured("wrong password")

    with pytest.raises(KafkaMisconfigured):
        Stage("test").wait_for_kafka(connect)
