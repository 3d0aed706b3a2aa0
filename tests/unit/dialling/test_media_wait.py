"""Media both ways, and for how long it is waited for."""

from dialling.actions import Counts
from dialling.media_wait import MediaWait
from dialling.plan import Timing


def test_media_flows_once_both_counters_have_grown_since_it_is_waited_for() -> None:
    media = MediaWait(Timing(), 0.0)
    media.restart(1.0)
    found = [media.flows(Counts(*n, 0)) for n in ((5, 5), (9, 5), (5, 9), (6, 6))]
    assert found == [False, False, False, True]
    media.restart(2.0)
    assert not media.flows(Counts(90, 90, 0))


def test_answer_and_media_are_waited_for_so_long() -> None:
    media = MediaWait(Timing(answer=30, media=10), 0.0)
    assert not media.is_unanswered(30.0)
    assert media.is_unanswered(30.1)
    media.answered_at = 20.0
    media.restart(20.0)
    assert not media.is_unanswered(99.0)
    assert not media.is_mute(30.0)
    assert media.is_mute(30.1)
