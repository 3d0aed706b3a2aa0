"""The moment of the digits: whether it is now, by what the plan waits for (pure)."""

from dialling.hearing import Utterance
from dialling.plan import Timing
from schemas.vocabulary import DigitTrigger

# In early media: a ringing tone has no gaps, and is shorter than a greeting.
_TONE_SECONDS, _TONE_GAPS = 2.5, 1
# An utterance's beginning is known within some frames only.
_EARLIER_SECONDS = 0.1


def why_now(timing: Timing, since: float, *, is_answered: bool, is_hearing: bool) -> str | None:
    """Why digits go out now though no sound has ended; None: not yet.

    `since`: for how many seconds media has flowed; `is_hearing`: whether somebody speaks.
    """
    match timing.trigger:
        case DigitTrigger.EARLY_MEDIA:
            return "media flows"
        case DigitTrigger.ANSWER if is_answered:
            return "answered"
        case DigitTrigger.PAUSE if is_answered and since >= timing.pause:
            return f"after {timing.pause:g} s"
        case DigitTrigger.GREETING if is_answered:
            if not is_hearing and since >= timing.no_speech:
                return "no speech heard"
            if since >= timing.at_most:
                return "longest wait"
    return None


def is_ringing_tone(heard: Utterance, answered_at: float | None) -> bool:
    """Whether what was heard is no greeting but the tone that a caller hears before the answer."""
    is_tone = heard.seconds <= _TONE_SECONDS and len(heard.gaps) <= _TONE_GAPS
    return is_tone and (answered_at is None or heard.began < answered_at - _EARLIER_SECONDS)
