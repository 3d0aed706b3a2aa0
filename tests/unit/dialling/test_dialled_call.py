"""One dialled call: media before digits, patience, hang-ups, retries, restarts."""

import pytest

from dialling.actions import Action, Count, Counts, Finish, MarkKeying, SendDigit
from dialling.dialled_call import DialledCall, Phase
from dialling.hearing import Listen
from dialling.plan import Plan, Timing
from schemas.vocabulary import DialOutcome, DigitMethod, DigitTrigger


def _call(trigger: DigitTrigger = DigitTrigger.ANSWER, **plan: object) -> DialledCall:
    timing = Timing(trigger=trigger, answer=30, media=10)
    return DialledCall(Plan(digits="801", timing=timing, **plan), 0.0)  # type: ignore[arg-type]  # of several types


def _kinds(actions: list[Action]) -> list[type[Action]]:
    return [type(one) for one in actions]


def _with_media(call: DialledCall, now: float = 1.0) -> list[Action]:
    call.answered(now)
    call.counted(Counts(5, 5, 0), now)
    return call.counted(Counts(6, 6, 0), now + 0.1)


def test_no_digit_before_media_flows_both_ways() -> None:
    call = _call()
    assert _kinds(call.answered(1.0)) == [Count, Listen]
    for counts in (Counts(5, 5, 0), Counts(9, 5, 0), Counts(5, 9, 0)):
        assert call.counted(counts, 2.0) == []
    assert _kinds(call.counted(Counts(10, 10, 0), 3.0)) == [MarkKeying, SendDigit]


def test_media_of_a_ringing_tone_is_not_media_of_the_answer() -> None:
    call = _call()
    call.early_media(1.0)
    call.counted(Counts(0, 0, 0), 1.0)
    assert call.counted(Counts(50, 50, 0), 2.0) == []
    call.answered(3.0)
    assert call.counted(Counts(90, 90, 0), 3.0) == []
    assert SendDigit(0) in call.counted(Counts(91, 91, 0), 3.1)


def test_early_media_takes_digits_where_that_is_asked_for() -> None:
    call = _call(DigitTrigger.EARLY_MEDIA)
    call.early_media(1.0)
    call.counted(Counts(0, 0, 0), 1.0)
    assert SendDigit(0) in call.counted(Counts(1, 1, 0), 1.2)


def test_call_without_media_is_no_answer() -> None:
    call = _call()
    call.answered(1.0)
    assert _kinds(call.tick(10.9)) == [Count]
    (finish,) = call.tick(11.1)
    assert finish == Finish(DialOutcome.NO_ANSWER, "no media both ways in time", hang_up=True)


def test_call_that_nobody_answers_is_ended() -> None:
    call = _call()
    call.ringing(1.0)
    assert call.tick(30.0) == []
    (finish,) = call.tick(30.1)
    assert isinstance(finish, Finish)
    assert finish.outcome is DialOutcome.NO_ANSWER
    assert finish.hang_up


@pytest.mark.parametrize("cause", ["USER_BUSY", "NO_ANSWER", "GATEWAY_DOWN"])
def test_cause_of_the_switch_is_the_results(cause: str) -> None:
    assert _call().ended(cause, 5.0) == [Finish(DialOutcome.NO_ANSWER, cause, hang_up=False)]


def test_each_digit_waits_for_the_one_before() -> None:
    call = _call(digit_ms=100, gap_ms=100)
    assert SendDigit(0) in _with_media(call)  # at 1.1
    assert _kinds(call.tick(1.25)) == [Count]
    assert call.counted(Counts(9, 9, 7), 1.25) == []  # still growing
    assert call.counted(Counts(9, 9, 7), 1.299) == []  # confirmed, in the gap
    assert call.tick(1.2995) == []
    assert call.tick(1.31) == [SendDigit(1)]
    assert call.digits.confirmed == 1


def test_switch_that_sends_no_digit_is_reported() -> None:
    call = _call()
    _with_media(call)
    now, finish = 1.1, None
    while finish is None:
        now += 0.05
        for action in [*call.tick(now), *call.counted(Counts(9, 9, 0), now)]:
            finish = action if isinstance(action, Finish) else finish
    assert finish == Finish(DialOutcome.DIGITS_NOT_TAKEN, "the switch sent no digit", hang_up=True)
    assert call.digits.sent == 3
    assert call.digits.confirmed == 0


def test_info_is_sent_and_never_confirmed() -> None:
    call = _call(method=DigitMethod.INFO, gap_ms=50)
    _with_media(call)
    for step in range(1, 20):
        now = 1.1 + step * 0.05
        call.tick(now)
        call.counted(Counts(9, 9, 0), now)
    assert call.phase is Phase.REACTING
    assert (call.digits.sent, call.digits.confirmed) == (3, 0)


def test_inband_digit_waits_for_the_detector_and_ends_with_its_playback() -> None:
    call = _call(method=DigitMethod.INBAND, gap_ms=50)
    assert _kinds(_with_media(call)) == [MarkKeying]
    assert SendDigit(0) in call.completed(True, 1.5)
    assert call.tick(1.6) == [Count()]
    call.played(1.61)
    assert SendDigit(1) in call.tick(1.7)
    assert call.digits.confirmed == 1


def test_far_end_that_hangs_up_after_the_digits_refused_them() -> None:
    call = _reacting()
    assert call.ended("NORMAL_CLEARING", 9.0) == [
        Finish(DialOutcome.WRONG_EXTENSION, "NORMAL_CLEARING", hang_up=False)
    ]


def test_digits_go_out_once_more_when_nothing_follows() -> None:
    call = _reacting()
    assert call.tick(9.0) == []
    again = call.tick(14.0)
    assert _kinds(again) == [MarkKeying, SendDigit]
    assert call.digits.attempts == 2


def test_detector_is_started_again_after_the_socket_was_lost() -> None:
    call = _call(DigitTrigger.GREETING)
    call.answered(1.0)
    assert _kinds(call.resumed(5.0)) == [Listen]


def _reacting() -> DialledCall:
    call = _call(method=DigitMethod.INFO, gap_ms=50)
    _with_media(call)
    now = 1.1
    while call.phase is not Phase.REACTING:
        now += 0.05
        call.tick(now)
        call.counted(Counts(9, 9, 0), now)
    return call
