"""Merging a partition's session sources: order of time across topics, order of offsets within."""

from collections.abc import Callable
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import topics
from schemas.topic import Topic
from streams.flow import merge_buffer
from streams.flow.merge import STALL_ROUNDS, STALL_SECONDS, Merge, Run
from tests.unit.streams.flow.scripted_progress import ScriptedProgress

SOURCES = (topics.REGISTRATIONS, topics.CALLS)
STALLED = STALL_SECONDS + 0.001


class _Record(NamedTuple):
    timestamp: int
    offset: int


def _merge(ends: Callable[[Topic, int], int | None]) -> Merge:
    return Merge(SOURCES, 0, ScriptedProgress(ends))


def _batch(times: list[int], first: int = 0) -> list[_Record]:
    return [_Record(at, first + i) for i, at in enumerate(times)]


def _flat(runs: list[Run]) -> list[tuple[str, int]]:
    return [(topic.name.split(".")[1], r.timestamp) for topic, records in runs for r in records]


def _take_all(merge: Merge) -> list[Run]:
    """All that may be folded now, in as many batches as it takes."""
    taken: list[Run] = []
    while runs := merge.take(0):
        taken += runs
    return taken


def test_batches_of_one_fetch_are_merged_by_time() -> None:
    ends = {topics.REGISTRATIONS.name: 2, topics.CALLS.name: 2}
    merge = _merge(lambda topic, _: ends[topic.name])
    # The calls come first, and the registrations are known to be there.
    merge.add(topics.CALLS, _batch([20, 40]))
    assert merge.take(0) == []
    merge.add(topics.REGISTRATIONS, _batch([10, 30]))
    assert _flat(merge.take(0)) == [
        ("registrations", 10),
        ("calls", 20),
        ("registrations", 30),
        ("calls", 40),
    ]
    assert merge.is_empty


def test_what_lies_beyond_a_topic_that_has_more_waits_for_it() -> None:
    merge = _merge(lambda topic, _: 4 if topic is topics.REGISTRATIONS else 2)
    merge.add(topics.CALLS, _batch([20, 40]))
    merge.add(topics.REGISTRATIONS, _batch([10, 30]))
    assert _flat(merge.take(0)) == [("registrations", 10), ("calls", 20), ("registrations", 30)]
    assert merge.take(0) == []
    merge.add(topics.REGISTRATIONS, _batch([35, 50], first=2))
    assert _flat(merge.take(0)) == [("registrations", 35), ("calls", 40), ("registrations", 50)]


def test_batches_that_came_meanwhile_are_taken_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until there is enough for a fold."""
    monkeypatch.setattr(merge_buffer, "MAX_BATCH_RECORDS", 4)
    merge = _merge(lambda *_: 0)
    for batch in (_batch([10, 11], 0), _batch([12, 13], 2), _batch([14], 4)):
        merge.add(topics.CALLS, batch)
    assert merge.waiting(topics.CALLS) == 5
    assert _flat(merge.take(0)) == [("calls", at) for at in (10, 11, 12, 13)]
    assert merge.waiting(topics.CALLS) == 1
    assert _flat(merge.take(0)) == [("calls", 14)]


def test_batches_taken_together_are_folded_in_parts() -> None:
    """What another topic has for the time between them comes first."""
    ends = {topics.REGISTRATIONS.name: 4, topics.CALLS.name: 2}
    merge = _merge(lambda topic, _: ends[topic.name])
    merge.add(topics.REGISTRATIONS, _batch([10, 11], 0))
    merge.add(topics.REGISTRATIONS, _batch([30, 31], 2))
    merge.add(topics.CALLS, _batch([20], 0))
    assert [at for _, at in _flat(merge.take(0))] == [10, 11, 20]
    merge.add(topics.CALLS, _batch([40], 1))
    assert [at for _, at in _flat(_take_all(merge))] == [30, 31, 40]


def test_a_topic_that_does_not_deliver_is_waited_for_once() -> None:
    merge = _merge(lambda *_: 9)
    merge.add(topics.CALLS, _batch([20], first=7))
    for round_ in range(STALL_ROUNDS):
        assert merge.take(round_ / STALL_ROUNDS) == []
    assert merge.take(STALL_SECONDS) == []
    assert _flat(merge.take(STALLED)) == [("calls", 20)]
    merge.add(topics.CALLS, _batch([30], first=8))
    assert _flat(merge.take(STALLED)) == [("calls", 30)]


def test_what_is_fetched_but_not_handed_over_yet_is_waited_for() -> None:
    """On a busy machine the time is over, which alone ends nothing."""
    rounds = 0
    progress = ScriptedProgress(lambda *_: 1)
    progress.rounds = lambda: rounds
    merge = Merge(SOURCES, 0, progress)
    merge.add(topics.CALLS, _batch([20]))
    assert merge.take(0) == []
    for _ in range(STALL_ROUNDS - 1):
        rounds += 1
        assert merge.take(STALLED) == []
    merge.add(topics.REGISTRATIONS, _batch([10]))
    assert _flat(merge.take(STALLED)) == [("registrations", 10), ("calls", 20)]


def test_what_is_in_flight_is_waited_for_however_long_it_takes() -> None:
    """It may be behind other partitions' batches, whose folding takes what it takes."""
    progress = ScriptedProgress(lambda *_: 1)
    merge = Merge(SOURCES, 0, progress)
    progress.in_flight = True
    merge.add(topics.CALLS, _batch([20]))
    for round_ in range(10 * STALL_ROUNDS):
        assert merge.take(round_ * STALLED) == []
    progress.in_flight = False  # and it did not come: then it is not waited for for ever
    last = 10 * STALL_ROUNDS * STALLED
    taken = [merge.take(last + round_ * STALLED) for round_ in range(STALL_ROUNDS)]
    assert [_flat(runs) for runs in taken if runs] == [[("calls", 20)]]


def test_what_was_dropped_is_read_again() -> None:
    merge = _merge(lambda *_: 3)
    for batch in (_batch([20]), _batch([21], 1)):
        merge.add(topics.CALLS, batch)
    assert merge.take(0) == []
    merge.clear()
    assert merge.is_empty
    merge.add(topics.CALLS, _batch([20, 21, 22]))
    merge.add(topics.REGISTRATIONS, _batch([10, 11, 30]))
    assert [at for _, at in _flat(merge.take(0))] == [10, 11, 20, 21, 22, 30]


def test_a_topic_skipped_before_a_rebalance_is_waited_for_after_it() -> None:
    """Another worker may have brought it on; what this one did not read then proves nothing now."""
    merge = _merge(lambda topic, _: None if topic is topics.REGISTRATIONS else 1)
    merge.add(topics.CALLS, _batch([20]))
    taken = [merge.take(round_ * STALLED) for round_ in range(STALL_ROUNDS + 1)]
    assert [_flat(runs) for runs in taken if runs] == [[("calls", 20)]]
    merge.clear()
    now = STALL_ROUNDS * STALLED
    merge.add(topics.CALLS, _batch([20]))
    assert merge.take(now) == []
    assert merge.take(now + STALLED) == []
    merge.add(topics.REGISTRATIONS, _batch([10]))
    assert _flat(merge.take(now + STALLED)) == [("registrations", 10)]


def test_high_watermark_read_before_the_record_was_written_proves_nothing() -> None:
    """Nothing lies beyond the end of long ago, but a registration came since, before the call."""
    fresh = False

    def ends(topic: Topic, written: int) -> int | None:
        if topic is topics.CALLS or fresh:
            return 1
        return 0 if written < 15 else None

    merge = _merge(ends)
    merge.add(topics.CALLS, _batch([20]))
    assert merge.take(0) == []
    fresh = True
    merge.add(topics.REGISTRATIONS, _batch([10]))
    assert _flat(merge.take(0)) == [("registrations", 10), ("calls", 20)]


def test_high_watermark_that_was_not_read_again_is_waited_for_each_time() -> None:
    end: int | None = None
    merge = _merge(lambda topic, _: end if topic is topics.REGISTRATIONS else 0)
    now, waited = 0.0, []
    for watermark in (None, None, 0, None):
        end = watermark
        merge.add(topics.CALLS, _batch([20]))
        began = now
        while not merge.take(now):
            now += STALLED
        waited.append(now > began)
    assert waited == [True, False, False, True]


@given(
    times=st.lists(
        st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=4), max_size=4),
        min_size=2,
        max_size=2,
    ),
    data=st.data(),
)
def test_every_record_comes_once_in_its_topics_order(
    times: list[list[list[int]]], data: st.DataObject
) -> None:
    """Whatever the timestamps: clocks of several producers need not agree, nor only go forward."""
    total = {t.name: sum(map(len, batches)) for t, batches in zip(SOURCES, times, strict=True)}
    merge = _merge(lambda topic, _: total[topic.name])
    runs: list[Run] = []
    left, added = [list(batches) for batches in times], [0, 0]
    while any(left):
        which = data.draw(st.sampled_from([n for n, batches in enumerate(left) if batches]))
        batch = left[which].pop(0)
        merge.add(SOURCES[which], _batch(batch, added[which]))
        added[which] += len(batch)
        runs += _take_all(merge)
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
    merge = _merge(lambda topic, _: total[topic.name])
    merged: list[tuple[str, int]] = []
    for topic, times in ((topics.CALLS, calls), (topics.REGISTRATIONS, registrations)):
        for first in range(0, len(times), cut):
            merge.add(topic, _batch(times[first : first + cut], first))
            merged += _flat(_take_all(merge))
    assert [at for _, at in merged] == sorted(registrations + calls)
