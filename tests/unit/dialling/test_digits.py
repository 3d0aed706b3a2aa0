"""Digits over several attempts: counts of all, confirmation of each attempt."""

from dialling.actions import Count, SendDigit
from dialling.digits import Digits
from dialling.plan import Plan
from dialling.timeline import Timeline
from schemas.vocabulary import DialStepKind


def test_counts_are_of_all_attempts_and_what_is_confirmed_of_the_last() -> None:
    timeline = Timeline(0.0)
    digits = Digits(Plan(digits="80", digit_ms=100, gap_ms=50, attempts=2), timeline)
    assert digits.next(0, 0.0) == []
    digits.begin("answered", 0.0)
    assert digits.next(0, 0.0) == [SendDigit(0)]
    assert digits.next(0, 0.05) == [Count()]
    assert not digits.counted(7, 0.06)  # packets still come
    assert digits.counted(7, 0.16)
    assert digits.next(7, 0.2) == [SendDigit(1)]
    assert digits.counted(7, 4.0)  # given up: none came
    assert (digits.is_done, digits.any_confirmed, digits.may_be_sent_again) == (True, True, True)
    digits.begin("once more", 5.0)
    assert (digits.is_done, digits.any_confirmed, digits.may_be_sent_again) == (False, False, False)
    assert (digits.attempts, digits.sent, digits.confirmed) == (2, 2, 1)
    kinds = [step.kind for step in timeline.steps]
    assert kinds == [
        DialStepKind.KEYED,
        DialStepKind.DIGIT,
        DialStepKind.DIGIT_CONFIRMED,
        DialStepKind.DIGIT,
        DialStepKind.DIGIT_UNCONFIRMED,
        DialStepKind.KEYED,
    ]
