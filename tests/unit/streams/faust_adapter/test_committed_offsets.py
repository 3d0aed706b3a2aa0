"""After a rebalance reading goes on from the committed offsets, asked for all at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.structs import OffsetAndMetadata

from streams.faust_adapter.consumer_thread import GroupThread

PARTITIONS = {TopicPartition("rollcall.registrations", number) for number in range(40)}
COMMITTED = {tp: OffsetAndMetadata(tp.partition, "") for tp in PARTITIONS if tp.partition < 30}


class Consumer:
    """What the thread asks of aiokafka's; notes it."""

    def __init__(self, assigned: set[TopicPartition]) -> None:
        self.requests: list[set[TopicPartition]] = []
        self._coordinator = SimpleNamespace(fetch_committed_offsets=self._fetch)
        self.assignment = lambda: frozenset(assigned)

    async def _fetch(self, partitions: list[TopicPartition]) -> Any:
        self.requests.append(set(partitions))
        return COMMITTED


def _committed(consumer: Consumer) -> Any:
    thread = GroupThread.__new__(GroupThread)
    thread._consumer = consumer
    return asyncio.run(thread._committed())


def test_one_request_gives_the_offsets_of_all_partitions() -> None:
    consumer = Consumer(PARTITIONS)
    found = _committed(consumer)
    assert consumer.requests == [PARTITIONS]
    assert found == {tp: tp.partition if tp.partition < 30 else None for tp in PARTITIONS}


def test_a_consumer_without_partitions_has_none() -> None:
    with pytest.raises(IllegalStateError):
        _committed(Consumer(set()))
