"""A record is produced when it is due: what comes later would count as Rollcall's delay."""

import pytest

from benchmarks.open_loop import due_at, due_by


@pytest.mark.parametrize("rate", [1, 3, 7, 1_000, 16_666, 99_991])
def test_a_record_is_produced_from_its_due_time_on(rate: int) -> None:
    for index in (0, 1, 2, 999, 123_456):
        due = due_at(index, rate)
        assert due_by(due, rate) == index + 1
        assert due == 0 or due_by(due - 1, rate) == index


def test_a_rate_is_so_many_a_second() -> None:
    assert due_by(10_000_000_000, 1_000) - due_by(0, 1_000) == 10_000
