"""The consumer reads partitions that are not paused and whose receiver has room, and waits else."""

import asyncio
from typing import Any

from faust.types import TP

from schemas import topics
from schemas.topic import Topic
from streams.faust_adapter.consumer import FULL_ROUND_SECONDS, BatchConsumer

ONE, OTHER, CHANGELOG = TP("source", 0), TP("source", 1), TP("changelog", 0)


class _Consumer(BatchConsumer):
    """Without an app or Kafka: what there is to read is there at once."""

    flow_active = True

    def __init__(self) -> None:
        self._active_partitions: set[TP] = set()
        self._paused_partitions = {ONE, OTHER, CHANGELOG}
        self.app: Any = self
        self.receiver = self
        self.sources = {"source": topics.CALLS}
        self.full: set[int] = set()
        self.asked: list[tuple[set[TP], float]] = []

    def has_room(self, topic: Topic, number: int) -> bool:
        assert topic is topics.CALLS
        return number not in self.full

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp == CHANGELOG)

    async def _getmany(self, active_partitions: set[TP], timeout: float) -> dict[TP, list[str]]:
        self.asked.append((active_partitions, timeout))
        return {tp: ["record"] for tp in active_partitions}


async def _fetch(consumer: _Consumer) -> Any:
    async with asyncio.timeout(0.5):
        return await consumer._fetch(30)


def test_nothing_is_read_while_all_are_paused_and_it_soon_looks_again() -> None:
    """Faust would look again after a second: all that while presence stands still."""
    consumer = _Consumer()
    assert asyncio.run(_fetch(consumer)) == ({}, set())
    consumer.resume_partitions({ONE})
    assert asyncio.run(_fetch(consumer)) == ({ONE: ["record"]}, {ONE})
    assert consumer.asked == [({ONE}, 30)]


def test_partitions_whose_receiver_has_no_room_are_left_unread() -> None:
    """Those that have are not waited for long: room may be made any moment."""
    consumer = _Consumer()
    consumer.resume_partitions({ONE, OTHER, CHANGELOG})
    consumer.full = {0}
    asyncio.run(_fetch(consumer))
    consumer.full = set()
    asyncio.run(_fetch(consumer))
    everything = {ONE, OTHER, CHANGELOG}
    assert consumer.asked == [({OTHER, CHANGELOG}, FULL_ROUND_SECONDS), (everything, 30)]


def test_nothing_is_read_while_no_receiver_has_room() -> None:
    consumer = _Consumer()
    consumer.resume_partitions({ONE, OTHER})
    consumer.full = {0, 1}
    records, _ = asyncio.run(_fetch(consumer))
    assert records == {}
    assert consumer.asked == []
