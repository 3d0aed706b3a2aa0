"""Some thousand generated histories (`python -m tests.histories` plays as many as wanted)."""

import pytest

from tests.histories.history import play

HISTORIES, SHARE = 3_000, 500
REFRESHING = 100
WRONG_ONCE = (
    # Two REGISTERs within the difference of two clocks, the second's report by the edge lost.
    7063422,
    # A registrar's report a minute late, after the edge's listings; a registrar back after them.
    7066036,
    7066838,
    7081553,
    7103646,
    # An old registrar's client reached through a connection that it has left.
    7101820,
    # Another client on the port of a binding that was listed dead after a lost refresh.
    7021359,
    # A process named late: its listing before its name, a registrar's report after the listing.
    8003094,
    8006973,
    8008795,
    8008863,
    # An edge's reports of refreshes missing when its binding expires.
    8008343,
    # Another device at a contact, which only a listing shows.
    8043597,
)


@pytest.mark.parametrize("first", range(1, HISTORIES, SHARE))
def test_generated_histories_end_at_the_facts(first: int) -> None:
    wrong = {v.seed: v.wrong for v in map(play, range(first, first + SHARE)) if v.wrong}
    assert wrong == {}


@pytest.mark.parametrize("first", range(1, 4 * REFRESHING, REFRESHING))
def test_refreshes_in_short_make_the_same_of_every_history(first: int) -> None:
    """Sessions, timers and presence after every record, and the truth at the end."""
    histories = [play(seed, refreshing=True) for seed in range(first, first + REFRESHING)]
    assert {one.seed: one.wrong for one in histories if one.wrong} == {}
    assert sum(one.short for one in histories) > 5 * REFRESHING


@pytest.mark.parametrize("seed", WRONG_ONCE)
def test_histories_that_were_wrong_once_are_right(seed: int) -> None:
    assert play(seed).wrong == []


def test_a_history_is_the_same_each_time() -> None:
    one, again = play(7), play(7)
    assert [(at, report.event) for at, report in one.reports] == [
        (at, report.event) for at, report in again.reports
    ]
    assert one.published == again.published
    assert len(one.reports) > 10
