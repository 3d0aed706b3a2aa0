"""After a rebalance reading goes on from the committed offsets, asked for all at once."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from aiokafka.structs import OffsetAndMetadata

from streams.faust_adapter.consumer_thread import FetchThread

PARTITIONS = {TopicPartition("rollcall.registrations", number) for number in range(40)}
COMMITTED = {tp: OffsetAndMetadata(tp.partition, "") for tp in PARTITIONS if tp.partition < 30}


class Consumer:
    """What the thread asks of aiokafka's; notes it."""

    def __init__(self, assigned: set[TopicPartition]) -> None:
        self.requests: list[set[TopicPartition]] = []
        self.sought: dict[TopicPartition, int] = {}
        self._subscription = SimpleNamespace(assigned_partitions=lambda: assigned)
        self._coordinator = SimpleNamespace(fetch_committed_offsets=self._fetch)
        self._fetcher = SimpleNamespace(seek_to=self.sought.__setitem__)

    async def _fetch(self, partitions: list[TopicPartition]) -> Any:
        self.requests.append(set(partitions))
        return COMMITTED


def _sought(consumer: Consumer) -> Any:
    thread = FetchThread.__new__(FetchThread)
    thread._consumer = consumer
    return asyncio.run(thread._seek_to_committed())


def test_one_request_gives_the_offsets_of_all_partitions() -> None:
    consumer = Consumer(PARTITIONS)
    found = _sought(consumer)
    assert consumer.requests == [PARTITIONS]
    assert found == {tp: tp.partition if tp.partition < 30 else None for tp in PARTITIONS}


def test_what_has_no_offset_yet_stays_where_it_is() -> None:
    consumer = Consumer(PARTITIONS)
    _sought(consumer)
    assert set(consumer.sought) == {tp for tp in PARTITIONS if 0 < tp.partition < 30}
    assert all(offset == tp.partition for tp, offset in consumer.sought.items())


def test_a_consumer_without_partitions_seeks_nothing() -> None:
    with pytest.raises(IllegalStateError):
        _sought(Consumer(set()))
