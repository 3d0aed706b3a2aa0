"""The producer of dead letters where Kafka does not answer; with Kafka: the sinks' own tests."""

import pytest

from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaSettings, KafkaUnavailable

RECORD = Unusable("rollcall.presence/0/7", b"{", "not JSON")


@pytest.fixture
def letters(closed_address: str) -> DeadLetters:
    kafka = KafkaSettings(bootstrap_servers=closed_address)
    return DeadLetters("test", kafka, counted_as="undecodable", timeout=0.1)


def test_send_raises_when_a_letter_is_not_acknowledged_in_time(letters: DeadLetters) -> None:
    with pytest.raises(KafkaUnavailable):
        letters.send([RECORD, RECORD])


def test_send_of_nothing_needs_no_kafka(letters: DeadLetters) -> None:
    letters.send([])


def test_post_neither_waits_nor_raises(letters: DeadLetters) -> None:
    letters.post(RECORD)
    letters.close()
