"""Lanes: what is acknowledged and when, and what a rebalance in the middle of a sweep leaves."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from schemas import topics
from schemas.topics import Topic
from streams.flow.merge import Run
from streams.flow.partition_queues import Lanes
from tests.unit.streams.flow.scripted_progress import ScriptedReading


def _reading() -> ScriptedReading:
    """Of a consumer that has nothing more of any topic."""
    return ScriptedReading(lambda *_: (0, 0))


class _Event:
    def __init__(self, offset: int) -> None:
        self.value = [SimpleNamespace(timestamp=offset, offset=offset)]
        self.message = SimpleNamespace(partition=0)
        self.is_acknowledged = False

    def ack(self) -> None:
        self.is_acknowledged = True


class _Sweep:
    """A fold whose first batch begins a sweep of so many pieces."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.folded: list[int] = []

    async def __call__(self, number: int, runs: list[Run]) -> bool:
        assert number == 0
        self.folded += [record.offset for _, records in runs for record in records]
        self.left = max(self.left - 1, 0)
        await asyncio.sleep(0)
        return not self.left


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


def test_a_batch_is_acknowledged_when_its_sweep_has_ended() -> None:
    async def scene() -> None:
        sweep, event = _Sweep(1000), _Event(0)
        lanes = Lanes((topics.NODE_CHANGES,), sweep, _reading())
        await lanes.merge(topics.NODE_CHANGES, event)
        await _until(lambda: sweep.left < 990)
        assert not event.is_acknowledged
        await _until(lambda: event.is_acknowledged)
        assert not sweep.left
        assert lanes.failure is None
        lanes.close()

    asyncio.run(scene())


def test_a_rebalance_in_the_middle_of_a_sweep_waits_for_none_of_it() -> None:
    async def scene() -> None:
        sweep, reading = _Sweep(10**9), _reading()
        lanes = Lanes((topics.NODE_CHANGES,), sweep, reading)
        first, second, late = _Event(0), _Event(1), _Event(2)
        await lanes.merge(topics.NODE_CHANGES, first)
        await lanes.merge(topics.NODE_CHANGES, second)
        await _until(lambda: sweep.folded == [0, 1])
        reading.flowing = False
        await _until(lambda: reading.forgotten == [first, second])
        left = sweep.left
        await lanes.merge(topics.NODE_CHANGES, late)  # an agent had it already
        assert reading.forgotten[2:] == [late]
        for _ in range(20):
            await asyncio.sleep(0)
        assert sweep.left == left  # nothing is folded of what may be another worker's by now
        sweep.left = 50
        reading.flowing = True
        again = [_Event(0), _Event(1), _Event(2)]
        for event in again:
            await lanes.merge(topics.NODE_CHANGES, event)
        await _until(lambda: all(event.is_acknowledged for event in again))
        assert sweep.folded == [0, 1, 0, 1, 2]
        assert not any(event.is_acknowledged for event in (first, second, late))
        lanes.close()

    asyncio.run(scene())


def test_batches_that_wait_beside_others_are_processed_together() -> None:
    """All that came while the last ones became durable, and each is acknowledged after that."""

    async def scene() -> tuple[list[list[int]], list[bool]]:
        processed: list[list[int]] = []
        events = [_Event(offset) for offset in range(3)]
        acknowledged_before = []
        going_on = asyncio.Event()

        async def process(topic: Topic, number: int, records: list[Any]) -> None:
            assert (topic, number) == (topics.CONNECTIONS, 0)
            processed.append([record.offset for record in records])
            await going_on.wait()
            acknowledged_before.append(any(event.is_acknowledged for event in events[1:]))

        lanes = Lanes((), _Sweep(0), _reading())
        pass_on = lanes.beside(process)
        for event in events:
            await pass_on(topics.CONNECTIONS, event)
            await asyncio.sleep(0)
        going_on.set()
        await _until(lambda: all(event.is_acknowledged for event in events))
        lanes.close()
        return processed, acknowledged_before

    assert asyncio.run(scene()) == ([[0], [1, 2]], [False, False])
