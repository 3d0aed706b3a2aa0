"""What is read of a topic: partitions, and from where each is read."""

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException

from runtime.topic_parts import Part, partition_numbers
from schemas.topics import NODES

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_partitions_are_all_or_those_that_are_named() -> None:
    assert Part(NODES).numbers is None
    assert Part(NODES, (1, 2)).numbers == (1, 2)
    assert set(Part(NODES, offsets={3: 7}).numbers or ()) == {3}


def test_offsets_leave_nothing_else_to_be_named() -> None:
    with pytest.raises(ValueError, match="offsets"):
        Part(NODES, (1, 2), offsets={1: 7})
    with pytest.raises(ValueError, match="offsets"):
        Part(NODES, since=NOW, offsets={1: 7})


class Answering:
    """A consumer whose broker says this of a topic."""

    def __init__(self, error: int | None, *partitions: int) -> None:
        failure = None if error is None else KafkaError(error)
        self._topic = SimpleNamespace(error=failure, partitions=dict.fromkeys(partitions))

    def list_topics(self, name: str, timeout: float) -> Any:
        del timeout
        return SimpleNamespace(topics={name: self._topic})


def numbers(error: int | None, *partitions: int) -> list[int]:
    consumer: Any = Answering(error, *partitions)
    return partition_numbers(consumer, "rollcall.nodes")


def test_a_topic_that_is_not_allowed_is_not_a_missing_one() -> None:
    assert numbers(None, 1, 0) == [0, 1]
    assert numbers(KafkaError.UNKNOWN_TOPIC_OR_PART) == []
    with pytest.raises(KafkaException, match=r"rollcall\.nodes: .*[Aa]uthorization"):
        numbers(KafkaError.TOPIC_AUTHORIZATION_FAILED)
