"""How long an end that a broker gave may be taken for the partition's end."""

import asyncio
import time
from typing import Any

import pytest
from faust.types import TP

from streams.faust_adapter.ends import HOLDS_MS, Ends, EndsUnknown

ONE, OTHER = TP("topic", 0), TP("topic", 1)
ASKED_AT = 1_700_000_000_000


def _ask(ends: Ends, answer: dict[TP, int] | Exception) -> list[TP]:
    """Ask for the ends; returns of which partitions."""
    asked: list[TP] = []

    async def ask(partitions: list[TP]) -> Any:
        asked.extend(partitions)
        if isinstance(answer, Exception):
            raise answer
        return answer

    asyncio.run(ends.ask(ask))
    return asked


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Ends:
    """That of ONE was asked for."""
    made = Ends()
    made.begin([ONE])
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: ASKED_AT / 1000)
        _ask(made, {ONE: 7})
    return made


def test_an_end_covers_records_written_until_shortly_after_it_was_asked_for(ends: Ends) -> None:
    assert ends.end(ONE) == 7
    assert ends.end(ONE, ASKED_AT + HOLDS_MS) == 7
    assert ends.end(ONE, ASKED_AT + HOLDS_MS + 1) is None


def test_a_producer_whose_clock_is_ahead_does_not_make_a_fresh_end_old(ends: Ends) -> None:
    _ask(ends, {ONE: 8})
    assert ends.end(ONE, int(time.time() * 1000) + 3_600_000) == 8


def test_an_end_is_unknown_before_the_first_answer_and_there_is_none_without_assignment() -> None:
    ends = Ends()
    ends.begin([ONE])
    assert ends.end(ONE) is None
    assert ends.end(OTHER) == 0


def test_an_answer_about_partitions_of_an_earlier_assignment_is_not_kept(ends: Ends) -> None:
    ends.begin([OTHER])
    assert _ask(ends, {ONE: 8, OTHER: 3}) == [OTHER]
    assert (ends.end(ONE), ends.end(OTHER)) == (0, 3)


def test_an_answer_ends_the_silence_and_an_error_does_not(ends: Ends) -> None:
    ends._answered -= 60
    _ask(ends, EndsUnknown())
    assert ends.silence >= 60
    assert ends.end(ONE) == 7
    _ask(ends, {})
    assert ends.silence < 60


def test_without_partitions_nobody_is_asked_and_nothing_is_silent() -> None:
    """A worker that waits for its partitions must not suspend the leases in them for that."""
    ends = Ends()
    ends._answered -= 60
    assert _ask(ends, {}) == []
    assert ends.silence < 60
