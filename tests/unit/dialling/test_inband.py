"""The test IVR's ear for in-band digits."""

from array import array

import pytest

from tests.ivr.audio import FRAME, Samples, join, silence, speech, tone
from tests.ivr.inband import InbandDigits


def _pair(low: int, high: int, seconds: float = 0.1) -> Samples:
    one, other = tone(low, seconds, 3000), tone(high, seconds, 3000)
    return array("h", (a + b for a, b in zip(one, other, strict=True)))


def _heard(audio: Samples) -> str:
    digits = InbandDigits()
    frames = [audio[n : n + FRAME] for n in range(0, len(audio) - FRAME + 1, FRAME)]
    return "".join(digit for frame in frames if (digit := digits.feed(frame)))


@pytest.mark.parametrize(
    ("low", "high", "digit"),
    [(697, 1209, "1"), (852, 1336, "8"), (941, 1336, "0"), (941, 1477, "#")],
)
def test_pair_is_one_digit(low: int, high: int, digit: str) -> None:
    assert _heard(join(silence(0.1), _pair(low, high), silence(0.1))) == digit


def test_same_digit_twice_is_two() -> None:
    eight = _pair(852, 1336)
    assert _heard(join(eight, silence(0.1), eight, silence(0.1))) == "88"


def test_speech_and_one_tone_are_none() -> None:
    assert _heard(join(speech("a caller", 2.0), tone(852, 0.3), silence(0.1))) == ""
