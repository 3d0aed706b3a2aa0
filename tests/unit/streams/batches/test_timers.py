"""Timers of a node's users: none rings early, each within a grain, whatever the order."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from streams.batches.timers import GRAIN, Bucket, Timers

START = datetime(2030, 1, 1, tzinfo=UTC)
SLACK = timedelta(seconds=35)
MOMENTS = st.lists(st.integers(0, 20_000_000).map(lambda us: START + timedelta(microseconds=us)))


def _keys(due: list[Bucket]) -> set[bytes]:
    return {key for bucket in due for key in bucket.keys}


@given(MOMENTS, MOMENTS)
def test_a_timer_rings_within_a_grain_and_never_early(
    moments: list[datetime], clocks: list[datetime]
) -> None:
    timers, waiting = Timers(), {}
    for number, moment in enumerate(moments):
        key = str(number).encode()
        waiting[key] = moment
        bucket = timers.set(key, moment)
        assert bucket.at <= moment < bucket.at + GRAIN
    for clock in sorted(clocks):
        rung = _keys(timers.due(clock + SLACK, SLACK))
        assert all(waiting.pop(key) <= clock for key in rung)
        assert all(clock - moment < GRAIN for moment in waiting.values())


def test_the_last_moment_there_is_can_be_waited_for() -> None:
    timers = Timers()
    timers.set(b"a", datetime.max.replace(tzinfo=UTC))
    assert timers.due(START, SLACK) == []


def test_users_of_one_second_share_a_bucket_and_ring_once() -> None:
    timers = Timers()
    first, second = timers.set(b"a", START), timers.set(b"b", START + GRAIN / 2)
    assert first is second
    assert _keys(timers.due(START + SLACK + GRAIN, SLACK)) == {b"a", b"b"}
    assert timers.due(START + SLACK + GRAIN, SLACK) == []
