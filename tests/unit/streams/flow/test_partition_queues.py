"""Partition queues: what is acknowledged and when, back-pressure, and what a rebalance leaves."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import topics
from schemas.topic import Topic
from streams.flow.failure import Failure
from streams.flow.merge import Run
from streams.flow.partition_queues import MAX_WAITING_RECORDS, Fold, PartitionQueues
from tests.unit.streams.flow.scripted_progress import ScriptedProgress

CHANGES = topics.NODE_CHANGES


def _progress() -> ScriptedProgress:
    """Of a consumer that has nothing more of any topic."""
    return ScriptedProgress(lambda *_: 0)


def _queues(fold: Fold, progress: ScriptedProgress, topic: Topic = CHANGES) -> PartitionQueues:
    return PartitionQueues({(topic,): fold}, progress, Failure())


def _record(offset: int) -> Any:
    return SimpleNamespace(timestamp=offset, offset=offset)


def _offsets(runs: list[Run]) -> list[int]:
    return [record.offset for _, records in runs for record in records]


class _Sweep:
    """A fold whose first batch begins a sweep of so many pieces."""

    def __init__(self, pieces: int) -> None:
        self.left = pieces
        self.folded: list[int] = []

    async def __call__(self, number: int, runs: list[Run]) -> bool:
        assert number == 0
        self.folded += _offsets(runs)
        self.left = max(self.left - 1, 0)
        await asyncio.sleep(0)
        return not self.left


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while True:
            if condition():
                return
            await asyncio.sleep(0)


async def _turns(count: int = 20) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_a_record_is_acknowledged_when_its_sweep_has_ended() -> None:
    async def scene() -> None:
        sweep, progress = _Sweep(1000), _progress()
        queues = _queues(sweep, progress)
        queues.add(CHANGES, 0, [_record(0)])
        await _until(lambda: sweep.left < 990)
        assert progress.acknowledged == {}
        await _until(lambda: bool(progress.acknowledged))
        assert not sweep.left
        assert progress.acknowledged == {CHANGES.name: 1}
        queues.close()

    asyncio.run(scene())


def test_a_rebalance_in_the_middle_of_a_sweep_waits_for_none_of_it() -> None:
    async def scene() -> None:
        sweep, progress = _Sweep(10**9), _progress()
        queues = _queues(sweep, progress)
        queues.add(CHANGES, 0, [_record(0)])
        queues.add(CHANGES, 0, [_record(1)])
        await _until(lambda: sweep.folded == [0, 1])
        progress.active = False
        await queues.drain()
        left = sweep.left
        await _turns()
        assert sweep.left == left  # nothing is folded of what may be another worker's by now
        assert progress.acknowledged == {}
        sweep.left = 50
        progress.active = True
        for offset in range(3):
            queues.add(CHANGES, 0, [_record(offset)])
        await _until(lambda: bool(progress.acknowledged))
        assert progress.acknowledged == {CHANGES.name: 3}
        assert sweep.folded == [0, 1, 0, 1, 2]
        queues.close()

    asyncio.run(scene())


def test_batches_that_wait_are_folded_together() -> None:
    """All that came while the last ones became durable, and each is acknowledged after that."""

    async def scene() -> tuple[list[list[int]], list[dict[str, int]]]:
        folded, acknowledged_before = list[list[int]](), list[dict[str, int]]()
        going_on = asyncio.Event()

        async def fold(number: int, runs: list[Run]) -> bool:
            assert (number, [topic for topic, _ in runs]) == (0, [topics.CONNECTIONS])
            folded.append(_offsets(runs))
            await going_on.wait()
            acknowledged_before.append(dict(progress.acknowledged))
            return True

        progress = _progress()
        queues = _queues(fold, progress, topics.CONNECTIONS)
        for offset in range(3):
            queues.add(topics.CONNECTIONS, 0, [_record(offset)])
            await _turns(3)
        going_on.set()
        await _until(lambda: progress.acknowledged == {topics.CONNECTIONS.name: 3})
        assert queues.folded == 3
        queues.close()
        return folded, acknowledged_before

    name = topics.CONNECTIONS.name
    assert asyncio.run(scene()) == ([[0], [1, 2]], [{}, {name: 1}])


def test_a_queue_that_is_long_enough_has_no_room_until_it_was_folded() -> None:
    async def scene() -> None:
        going_on = asyncio.Event()

        async def fold(number: int, runs: list[Run]) -> bool:
            del number, runs
            await going_on.wait()
            return True

        queues = _queues(fold, _progress())
        assert queues.has_room(CHANGES, 0)
        queues.add(CHANGES, 0, [_record(0)])  # being folded
        await _turns()
        queues.add(CHANGES, 0, [_record(n) for n in range(1, MAX_WAITING_RECORDS)])
        assert queues.has_room(CHANGES, 0)
        queues.add(CHANGES, 0, [_record(MAX_WAITING_RECORDS)])
        assert not queues.has_room(CHANGES, 0)
        assert queues.has_room(CHANGES, 1)
        going_on.set()
        await _until(lambda: queues.has_room(CHANGES, 0))
        queues.close()

    asyncio.run(scene())


def test_a_rebalance_waits_for_the_batch_under_way_and_drops_what_waits() -> None:
    async def scene() -> None:
        folded, going_on = list[int](), asyncio.Event()

        async def fold(number: int, runs: list[Run]) -> bool:
            del number
            folded.extend(_offsets(runs))
            await going_on.wait()
            return True

        progress = _progress()
        queues = _queues(fold, progress)
        queues.add(CHANGES, 0, [_record(0)])
        await _turns()
        queues.add(CHANGES, 0, [_record(1)])
        draining = asyncio.ensure_future(queues.drain())
        await _turns()
        assert not draining.done()
        going_on.set()
        await draining
        assert progress.acknowledged == {CHANGES.name: 1}
        queues.add(CHANGES, 0, [_record(1)])
        await _until(lambda: progress.acknowledged == {CHANGES.name: 2})
        assert folded == [0, 1]
        queues.close()

    asyncio.run(scene())


@pytest.mark.parametrize("later", [0, 1])
def test_after_a_failure_nothing_is_folded_or_acknowledged(later: int) -> None:
    """Neither in its partition nor in another; and nobody waits for it."""

    async def scene() -> None:
        async def fold(number: int, runs: list[Run]) -> bool:
            folded.append((number, _offsets(runs)))
            raise RuntimeError("broken")

        folded, progress, failure = list[tuple[int, list[int]]](), _progress(), Failure()
        queues = PartitionQueues({(CHANGES,): fold}, progress, failure)
        queues.add(CHANGES, 0, [_record(0)])
        await _until(lambda: failure.error is not None)
        queues.add(CHANGES, later, [_record(1)])
        await _turns()
        await queues.drain()
        assert folded == [(0, [0])]
        assert progress.acknowledged == {}
        queues.close()

    asyncio.run(scene())
