"""The pace of a replay: other kinds of pieces wait for processing, unread pieces for reading."""

from collections.abc import Callable

import pytest

from local.replay.conductor import Conductor
from local.replay.pace import Feedback, Pace


class Producer:
    """A producer that stops the play as soon as it is asked, and notes what it was asked."""

    def __init__(self, speed: float | None) -> None:
        self.asked: list[tuple[str, int]] = []
        self._part = Conductor(speed).join(list(range(200)))
        feedback = Feedback(read=self._note("read"), processed=self._note("processed"))
        self.pace = Pace(self._part, feedback, paced=speed is not None)
        assert self._part.begin()

    def _note(self, question: str) -> Callable[[int], bool]:
        def answer(sent: int) -> bool:
            self.asked.append((question, sent))
            self._part.stop()
            return False

        return answer


@pytest.mark.parametrize(
    ("speed", "kinds", "asked"),
    [
        (None, ["calls", "registrations"], [("processed", 1)]),
        (None, ["calls", "", "calls"], []),
        (None, ["", "calls"], []),
        (1.0, ["calls", "registrations"], []),
    ],
)
def test_piece_of_another_kind_waits_until_all_before_is_processed(
    speed: float | None, kinds: list[str], asked: list[tuple[str, int]]
) -> None:
    producer = Producer(speed)
    sent = 0
    while sent < len(kinds) and producer.pace.wait_for(sent, kinds[sent], sent):
        sent += 1
        producer.pace.sent(sent - 1, sent)
    assert producer.asked == asked
    assert (sent == len(kinds)) == (not asked)


def test_sending_waits_after_each_fifty_pieces_until_they_are_read() -> None:
    producer = Producer(None)
    sent = 0
    while producer.pace.sent(sent, sent + 1):
        sent += 1
    assert producer.asked == [("read", 50)]
