"""When digits go out without a sound that has ended, and what is no greeting."""

import pytest

from dialling.digit_moment import is_ringing_tone, why_now
from dialling.hearing import Utterance
from dialling.plan import Timing
from schemas.vocabulary import DigitTrigger


@pytest.mark.parametrize(
    ("trigger", "since", "answered", "hearing", "why"),
    [
        (DigitTrigger.EARLY_MEDIA, 0.0, False, False, "media flows"),
        (DigitTrigger.ANSWER, 9.0, False, False, None),
        (DigitTrigger.ANSWER, 0.0, True, True, "answered"),
        (DigitTrigger.PAUSE, 1.9, True, False, None),
        (DigitTrigger.PAUSE, 2.0, True, False, "after 2 s"),
        (DigitTrigger.GREETING, 4.9, True, False, None),
        (DigitTrigger.GREETING, 5.0, True, False, "no speech heard"),
        (DigitTrigger.GREETING, 24.9, True, True, None),
        (DigitTrigger.GREETING, 25.0, True, True, "longest wait"),
        (DigitTrigger.GREETING, 99.0, False, False, None),
    ],
)
def test_moment_of_each_trigger(
    trigger: DigitTrigger, since: float, answered: bool, hearing: bool, why: str | None
) -> None:
    timing = Timing(trigger=trigger)
    assert why_now(timing, since, is_answered=answered, is_hearing=hearing) == why


def test_a_ringing_tone_is_short_without_gaps_and_before_the_answer() -> None:
    tone, greeting = Utterance(1.0, 2.0), Utterance(1.0, 2.0, ((1.2, 1.4), (1.6, 1.8)))
    assert is_ringing_tone(tone, None)
    assert is_ringing_tone(tone, 5.0)
    assert not is_ringing_tone(tone, 1.05)
    assert not is_ringing_tone(greeting, None)
    assert not is_ringing_tone(Utterance(1.0, 3.6), None)
