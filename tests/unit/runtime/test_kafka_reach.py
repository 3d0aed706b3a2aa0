"""Whether a cluster answers: in time, and with the reason why it does not."""

import time

import pytest

from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.kafka_reach import require_kafka


def test_a_cluster_that_never_answers_ends_the_wait_in_time(mute_address: str) -> None:
    began = time.monotonic()
    with pytest.raises(KafkaUnavailable, match=f"{mute_address}.*no answer within 1 s"):
        require_kafka(KafkaSettings(bootstrap_servers=mute_address), timeout=1.0)
    assert time.monotonic() - began < 5


def test_a_host_that_is_not_known_is_the_reason() -> None:
    with pytest.raises(KafkaUnavailable, match="Failed to resolve"):
        require_kafka(KafkaSettings(bootstrap_servers="no-such-host.invalid:9092"))
