"""Merging a partition's session sources: order of time across topics, order of offsets within."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.topics import Topic
from streams.flow import merge as merging
from streams.flow.merge import PATIENT_ROUNDS, Merge, Run
from tests.unit.streams.flow.scripted_progress import ScriptedReading

SOURCES = (topics.REGISTRATIONS, topics.CALLS)
T = TypeVar("T")


class _Record(NamedTuple):
    timestamp: int
    offset: int


class _Event:
    def __init__(self, *records: _Record) -> None:
        self.value = list(records)


def _merge(ends: Callable[[Topic, int], tuple[int, int | None]]) -> Merge:
    return Merge(SOURCES, 0, ScriptedReading(ends), frozenset())


def _in_time(work: Coroutine[Any, Any, T]) -> T:
    async def bounded() -> T:
        async with asyncio.timeout(30):
            return await work

    return asyncio.run(bounded())


def _batch(times: list[int], first: int = 0) -> _Event:
    return _Event(*(_Record(at, first + i) for i, at in enumerate(times)))


def _flat(runs: list[Run]) -> list[tuple[str, int]]:
    return [(topic.name.split(".")[1], r.timestamp) for topic, records in runs for r in records]


def test_batches_of_one_fetch_are_merged_by_time() -> None:
    async def scene() -> list[Run]:
        ends = {topics.REGISTRATIONS.name: 2, topics.CALLS.name: 2}
        merge = _merge(lambda topic, _: (0, ends[topic.name]))
        # The calls come first, and the registrations are known to be there.
        await merge.put(topics.CALLS, _batch([20, 40]))
        taken = asyncio.ensure_future(merge.take())
        for _ in range(3):
            await asyncio.sleep(0)
        assert not taken.done()
        await merge.put(topics.REGISTRATIONS, _batch([10, 30]))
        return (await taken)[0]

    assert _flat(_in_time(scene())) == [
        ("registrations", 10),
        ("calls", 20),
        ("registrations", 30),
        ("calls", 40),
    ]


def test_what_lies_beyond_a_topic_that_has_more_waits_for_it() -> None:
    async def scene() -> list[list[tuple[str, int]]]:
        merge = _merge(lambda topic, _: (0, 4 if topic is topics.REGISTRATIONS else 2))
        await merge.put(topics.CALLS, _batch([20, 40]))
        await merge.put(topics.REGISTRATIONS, _batch([10, 30]))
        first, _ = await merge.take()
        await merge.put(topics.REGISTRATIONS, _batch([35, 50], first=2))
        second, _ = await merge.take()
        return [_flat(first), _flat(second)]

    assert _in_time(scene()) == [
        [("registrations", 10), ("calls", 20), ("registrations", 30)],
        [("registrations", 35), ("calls", 40), ("registrations", 50)],
    ]


def test_batches_that_came_meanwhile_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is enough for a fold; and each is done when its own last record is."""
    monkeypatch.setattr(merging, "TOGETHER", 4)
    batches = [_batch([10, 11], 0), _batch([12, 13], 2), _batch([14], 4)]

    async def scene() -> list[tuple[list[tuple[str, int]], list[Any]]]:
        merge = _merge(lambda *_: (0, 0))

        async def deliver() -> None:
            for batch in batches:
                await merge.put(topics.CALLS, batch)

        delivering = asyncio.ensure_future(deliver())
        await asyncio.sleep(0)
        taken = []
        for _ in range(2):
            runs, ended = await merge.take()
            taken.append((_flat(runs), ended))
            await asyncio.sleep(0)
        await delivering
        return taken

    first, second = _in_time(scene())
    assert first == ([("calls", at) for at in (10, 11, 12, 13)], batches[:2])
    assert second == ([("calls", 14)], batches[2:])


def test_batches_folded_in_parts_are_done_one_by_one() -> None:
    """What another topic has for the time between them comes first."""
    early, late, between = _batch([10, 11], 0), _batch([30, 31], 2), _batch([20], 0)

    async def scene() -> list[tuple[list[tuple[str, int]], list[Any]]]:
        ends = {topics.REGISTRATIONS.name: 4, topics.CALLS.name: 2}
        merge = _merge(lambda topic, _: (0, ends[topic.name]))
        await merge.put(topics.REGISTRATIONS, early)
        await merge.put(topics.REGISTRATIONS, late)
        await merge.put(topics.CALLS, between)
        first, first_done = await merge.take()
        await merge.put(topics.CALLS, _batch([40], 1))
        second, second_done = await merge.take()
        return [(_flat(first), first_done), (_flat(second), second_done)]

    first, second = _in_time(scene())
    assert [at for _, at in first[0]] == [10, 11, 20]
    assert first[1] == [early, between]
    assert [at for _, at in second[0]] == [30, 31, 40]
    assert second[1][0] is late


def test_a_topic_that_does_not_deliver_is_waited_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging, "PATIENCE", 0.05)

    async def scene() -> tuple[list[tuple[str, int]], float]:
        merge = _merge(lambda *_: (0, 9))
        await merge.put(topics.CALLS, _batch([20], first=7))
        first, _ = await merge.take()
        await merge.put(topics.CALLS, _batch([30], first=8))
        before = asyncio.get_running_loop().time()
        second, _ = await merge.take()
        return _flat(first + second), asyncio.get_running_loop().time() - before

    merged, waited = _in_time(scene())
    assert merged == [("calls", 20), ("calls", 30)]
    assert waited < 0.05


def test_what_is_fetched_but_not_handed_over_yet_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "PATIENCE", 0.0)
    monkeypatch.setattr(merging, "LOOK", 0.0)
    rounds = 0

    async def scene() -> list[tuple[str, int]]:
        nonlocal rounds
        reading = ScriptedReading(lambda *_: (0, 1))
        reading.rounds = lambda: rounds
        merge = Merge(SOURCES, 0, reading, frozenset())
        await merge.put(topics.CALLS, _batch([20]))
        taken = asyncio.ensure_future(merge.take())
        for _ in range(PATIENT_ROUNDS - 1):
            rounds += 1
            for _ in range(20):
                await asyncio.sleep(0)  # the patience is over, which alone ends nothing
        assert not taken.done()
        await merge.put(topics.REGISTRATIONS, _batch([10]))
        return _flat((await taken)[0])

    assert _in_time(scene()) == [("registrations", 10), ("calls", 20)]


@pytest.mark.parametrize("where", ["fetched", "behind another batch"])
def test_what_is_in_hand_is_waited_for_however_long_it_takes(
    monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """It may be behind other partitions' batches, whose folding takes what it takes."""
    monkeypatch.setattr(merging, "PATIENCE", 0.0)
    monkeypatch.setattr(merging, "LOOK", 0.0)
    reading, waiting = ScriptedReading(lambda *_: (0, 1)), set[str]()

    async def scene() -> tuple[bool, list[tuple[str, int]]]:
        merge = Merge(SOURCES, 0, reading, waiting)
        reading.in_hand = where == "fetched"
        if not reading.in_hand:
            waiting.add(topics.REGISTRATIONS.name)
        await merge.put(topics.CALLS, _batch([20]))
        taken = asyncio.ensure_future(merge.take())
        for _ in range(100 * PATIENT_ROUNDS):
            await asyncio.sleep(0)
        waits = not taken.done()
        reading.in_hand = False  # and it did not come: then it is not waited for for ever
        waiting.clear()
        return waits, _flat((await taken)[0])

    assert _in_time(scene()) == (True, [("calls", 20)])


def test_who_has_something_else_to_do_does_not_wait() -> None:
    """A sweep goes on while a topic is waited for."""

    async def scene() -> list[list[tuple[str, int]]]:
        merge = _merge(lambda *_: (0, 1))
        await merge.put(topics.CALLS, _batch([20]))
        missing, _ = await merge.take(wait=False)
        await merge.put(topics.REGISTRATIONS, _batch([10]))
        there, _ = await merge.take(wait=False)
        return [_flat(missing), _flat(there)]

    assert _in_time(scene()) == [[], [("registrations", 10), ("calls", 20)]]


def test_what_waits_when_reading_stops_is_dropped_and_read_again() -> None:
    """A rebalance waits until nothing is under way, and brings nothing meanwhile."""

    reading = ScriptedReading(lambda *_: (0, 3))
    reading.in_hand = True  # fetched and never handed over
    batches = [_batch([20]), _batch([21], 1)]

    async def scene() -> tuple[list[Any], bool, list[tuple[str, int]]]:
        merge = Merge(SOURCES, 0, reading, frozenset())
        for batch in batches:
            await merge.put(topics.CALLS, batch)
        taken = asyncio.ensure_future(merge.take())
        await asyncio.sleep(0)
        waits = not taken.done()
        reading.flowing = False
        dropped = list(await taken)
        reading.flowing = True
        await merge.put(topics.CALLS, _batch([20, 21, 22]))
        await merge.put(topics.REGISTRATIONS, _batch([10, 11, 30]))
        return dropped, waits, _flat((await merge.take())[0])

    dropped, waits, again = _in_time(scene())
    assert waits
    assert dropped == [[], []]
    assert reading.forgotten == batches
    assert [at for _, at in again] == [10, 11, 20, 21, 22, 30]


def test_a_topic_given_up_before_a_rebalance_is_waited_for_after_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another worker may have brought it on; what this one did not hear then says nothing now."""
    monkeypatch.setattr(merging, "PATIENCE", 0.05)
    monkeypatch.setattr(merging, "LOOK", 0.01)

    async def scene() -> list[tuple[str, int]]:
        merge = _merge(lambda topic, _: (0, None if topic is topics.REGISTRATIONS else 1))
        await merge.put(topics.CALLS, _batch([20]))
        assert _flat((await merge.take())[0]) == [("calls", 20)]
        merge.drop()
        monkeypatch.setattr(merging, "PATIENCE", 5)
        await merge.put(topics.CALLS, _batch([20]))
        taken = asyncio.ensure_future(merge.take())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not taken.done()
        await merge.put(topics.REGISTRATIONS, _batch([10]))
        return _flat((await taken)[0])

    assert _in_time(scene()) == [("registrations", 10)]


def test_an_end_heard_before_what_is_here_was_written_does_not_tell() -> None:
    """Nothing lies beyond the end of long ago, but a registration came since, before the call."""
    fresh = False

    def ends(topic: Topic, written: int) -> tuple[int, int | None]:
        if topic is topics.CALLS or fresh:
            return 0, 1
        return 0, 0 if written < 15 else None

    async def scene() -> list[tuple[str, int]]:
        nonlocal fresh
        merge = _merge(ends)
        await merge.put(topics.CALLS, _batch([20]))
        taken = asyncio.ensure_future(merge.take())
        for _ in range(20):
            await asyncio.sleep(0)
        assert not taken.done()
        fresh = True
        await merge.put(topics.REGISTRATIONS, _batch([10]))
        return _flat((await taken)[0])

    assert _in_time(scene()) == [("registrations", 10), ("calls", 20)]


def test_an_end_that_was_not_heard_again_is_waited_for_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(merging, "PATIENCE", 0.05)
    end: int | None = None

    async def scene() -> list[float]:
        nonlocal end
        merge = _merge(lambda topic, _: (0, end if topic is topics.REGISTRATIONS else 0))
        waits = []
        for heard in (None, None, 0, None):
            end = heard
            await merge.put(topics.CALLS, _batch([20]))
            before = asyncio.get_running_loop().time()
            await merge.take()
            waits.append(asyncio.get_running_loop().time() - before)
        return waits

    first, again, fresh, anew = _in_time(scene())
    assert min(first, anew) >= 0.05
    assert max(again, fresh) < 0.05


def test_partitions_do_not_wait_for_each_other_in_a_circle(monkeypatch: pytest.MonkeyPatch) -> None:
    """One agent brings a topic's batches of all partitions: it must not stand still for one.

    Each partition's lane waits for the topic whose agent is at the other partition's batches.
    """
    monkeypatch.setattr(merging, "PATIENCE", 600.0)
    count = 20

    async def scene() -> list[list[tuple[str, int]]]:
        merges = [_merge(lambda *_: (0, count)) for _ in range(2)]

        async def agent(topic: Topic, order: list[int], times: range) -> None:
            for number in order:
                for offset, at in enumerate(times):
                    await merges[number].put(topic, _batch([at], offset))

        async def lane(merge: Merge) -> list[tuple[str, int]]:
            merged: list[tuple[str, int]] = []
            while len(merged) < 2 * count:
                merged += _flat((await merge.take())[0])
            return merged

        lanes = [asyncio.ensure_future(lane(merge)) for merge in merges]
        await asyncio.gather(
            agent(topics.REGISTRATIONS, [0, 1], range(0, 2 * count, 2)),
            agent(topics.CALLS, [1, 0], range(1, 2 * count, 2)),
        )
        return list(await asyncio.gather(*lanes))

    for merged in _in_time(scene()):
        assert [at for _, at in merged] == list(range(2 * count))


@given(
    times=st.lists(
        st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), max_size=4),
        min_size=2,
        max_size=2,
    )
)
def test_every_record_comes_once_in_its_topics_order(times: list[list[list[int]]]) -> None:
    """Whatever the timestamps: clocks of several producers need not agree, nor only go forward."""
    total = {t.name: sum(map(len, batches)) for t, batches in zip(SOURCES, times, strict=True)}

    async def scene() -> tuple[list[Run], int]:
        merge = _merge(lambda topic, _: (0, total[topic.name]))

        async def deliver(topic: Topic, batches: list[list[int]]) -> None:
            first = 0
            for batch in batches:
                await merge.put(topic, _batch(batch, first))
                first += len(batch)

        tasks = [asyncio.ensure_future(deliver(t, b)) for t, b in zip(SOURCES, times, strict=True)]
        runs: list[Run] = []
        events = 0
        while sum(len(records) for _, records in runs) < sum(total.values()):
            taken, ended = await merge.take()
            runs += taken
            events += len(ended)
        await asyncio.gather(*tasks)
        return runs, events

    runs, events = _in_time(scene())
    assert events == sum(map(len, times))
    for topic in SOURCES:
        offsets = [r.offset for t, records in runs if t is topic for r in records]
        assert offsets == list(range(total[topic.name]))


@given(
    registrations=st.lists(st.integers(0, 100), max_size=12).map(sorted),
    calls=st.lists(st.integers(0, 100), max_size=12).map(sorted),
    cut=st.integers(1, 4),
)
def test_records_known_to_be_there_come_in_order_of_time(
    registrations: list[int], calls: list[int], cut: int
) -> None:
    total = {topics.REGISTRATIONS.name: len(registrations), topics.CALLS.name: len(calls)}

    async def scene() -> list[tuple[str, int]]:
        merge = _merge(lambda topic, _: (0, total[topic.name]))

        async def deliver(topic: Topic, times: list[int]) -> None:
            for first in range(0, len(times), cut):
                await merge.put(topic, _batch(times[first : first + cut], first))

        tasks = [
            asyncio.ensure_future(deliver(topics.CALLS, calls)),
            asyncio.ensure_future(deliver(topics.REGISTRATIONS, registrations)),
        ]
        merged: list[tuple[str, int]] = []
        while len(merged) < len(calls) + len(registrations):
            merged += _flat((await merge.take())[0])
        await asyncio.gather(*tasks)
        return merged

    merged = _in_time(scene())
    assert [at for _, at in merged] == sorted(registrations + calls)
