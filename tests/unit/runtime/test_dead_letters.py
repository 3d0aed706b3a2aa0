"""The producer of dead letters where Kafka does not answer; with Kafka: the sinks' own tests."""

import socket
from collections.abc import Iterator

import pytest

from runtime.dead_letters import DeadLetters, Unusable
from runtime.kafka import KafkaSettings, KafkaUnavailable

RECORD = Unusable("rollcall.presence/0/7", b"{", "not JSON")


@pytest.fixture
def letters() -> Iterator[DeadLetters]:
    """Of a broker that refuses connections."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        kafka = KafkaSettings(bootstrap_servers=f"127.0.0.1:{taken.getsockname()[1]}")
        yield DeadLetters("test", kafka, counted_as="undecodable", timeout=0.1)


def test_send_raises_when_a_letter_is_not_acknowledged_in_time(letters: DeadLetters) -> None:
    with pytest.raises(KafkaUnavailable):
        letters.send([RECORD, RECORD])


def test_send_of_nothing_needs_no_kafka(letters: DeadLetters) -> None:
    letters.send([])


def test_post_neither_waits_nor_raises(letters: DeadLetters) -> None:
    letters.post(RECORD)
    letters.close()
