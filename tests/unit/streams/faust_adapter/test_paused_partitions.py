"""The consumer reads partitions that are not paused and whose receiver has room, and waits else."""

import asyncio
from types import SimpleNamespace
from typing import Any

from faust.types import TP

from schemas import topics
from schemas.topics import Topic
from streams.faust_adapter.consumer import FULL_ROUND_SECONDS, ROUND_SECONDS, BatchConsumer
from streams.faust_adapter.reader import HasRoom

ONE, OTHER, CHANGELOG = TP("source", 0), TP("source", 1), TP("changelog", 0)


class _Reader:
    """Notes what it is asked for; what has no room stays unread."""

    def __init__(self) -> None:
        self.unread: set[TP] = set()
        self.asked: list[tuple[set[TP], float]] = []

    def has_unread(self, tp: TP) -> bool:
        return tp in self.unread

    async def fetch(
        self, active: set[TP], has_room: HasRoom, timeout: float
    ) -> dict[TP, list[str]]:
        self.asked.append((active, timeout))
        self.unread = {tp for tp in active if not has_room(tp)}
        return {tp: ["record"] for tp in active - self.unread}


class _Consumer(BatchConsumer):
    """Without an app or Kafka: what there is to read is there at once."""

    flow_active = True
    should_stop = False

    def __init__(self) -> None:
        self._active_partitions: set[TP] = set()
        self._paused_partitions = {ONE, OTHER, CHANGELOG}
        self.reader: Any = _Reader()
        self.receiver = self
        self.tables = SimpleNamespace(recovery=self)
        self.in_recovery = False
        self.app: Any = self
        self.consumer_generation_id = self._sought_generation = 1
        self.sources = {"source": topics.CALLS}
        self.full: set[int] = set()
        self.got: list[TP] = []

    def has_room(self, topic: Topic, number: int) -> bool:
        assert topic is topics.CALLS
        return number not in self.full

    def add(self, topic: Topic, number: int, records: list[Any]) -> None:
        assert (topic, records) == (topics.CALLS, ["record"])
        self.got.append(TP("source", number))

    def restore(self, tp: TP, records: list[Any]) -> None:
        assert records == ["record"]
        self.got.append(tp)

    def _is_changelog_tp(self, tp: TP) -> bool:
        return bool(tp == CHANGELOG)


def _read(consumer: _Consumer) -> set[TP]:
    async def read() -> None:
        async with asyncio.timeout(0.5):
            await consumer._round()

    consumer.got.clear()
    asyncio.run(read())
    return set(consumer.got)


def test_nothing_is_read_while_all_are_paused_and_it_soon_looks_again() -> None:
    """Faust would look again after a second: all that while presence stands still."""
    consumer = _Consumer()
    assert _read(consumer) == set()
    consumer.resume_partitions({ONE})
    assert _read(consumer) == {ONE}
    assert consumer.reader.asked == [({ONE}, ROUND_SECONDS)]


def test_partitions_whose_receiver_has_no_room_stay_unread() -> None:
    """Then a first record is not waited for long: room may be made any moment."""
    consumer = _Consumer()
    everything = {ONE, OTHER, CHANGELOG}
    consumer.resume_partitions(everything)
    consumer.full = {0}
    assert _read(consumer) == {OTHER, CHANGELOG}
    consumer.full = set()
    assert _read(consumer) == everything
    assert consumer.reader.asked == [
        (everything, ROUND_SECONDS),
        (everything, FULL_ROUND_SECONDS),
    ]


def test_what_was_read_during_a_rebalance_is_dropped_and_read_again() -> None:
    consumer = _Consumer()
    consumer.resume_partitions({ONE, CHANGELOG})
    consumer._sought_generation = None
    assert _read(consumer) == {CHANGELOG}
    assert consumer._dropped
