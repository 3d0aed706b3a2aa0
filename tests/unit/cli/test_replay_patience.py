"""A replay waits as long as something moves, reports how far it is, and gives up with a reason."""

import pytest

from cli.errors import ReplayTimeout
from cli.replay_patience import REPORT_SECONDS, Patience


class Clock:
    """Seconds that pass when the test lets them."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


def test_it_goes_on_while_something_moves_and_gives_up_when_nothing_does() -> None:
    clock = Clock()
    patience = Patience(60, clock)
    for left in range(5):
        patience.wait(f"{left} unread", lambda: "half sent")
        clock.now += 59
    patience.wait("5 unread", lambda: "half sent")
    clock.now += 61
    with pytest.raises(ReplayTimeout) as gave_up:
        patience.wait("5 unread", lambda: "half sent")
    assert str(gave_up.value) == (
        "the replay gave up: nothing has moved for 60 s; half sent; not processed: 5 unread"
    )


def test_how_far_it_is_is_printed_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    clock = Clock()
    patience = Patience(60, clock)
    for _ in range(11):
        patience.wait("5 unread", lambda: "half sent")
        clock.now += REPORT_SECONDS / 5
    assert capsys.readouterr().err.splitlines() == ["… half sent; 5 unread"] * 2
