"""Digits out of audio: the two tones of each, by Goertzel's algorithm (ITU-T Q.23, pure)."""

import math

from tests.ivr.audio import RATE, Samples, mean_amplitude

_ROWS, _COLUMNS = (697, 770, 852, 941), (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_QUIET = 300.0
# Of a frame's energy, what its two tones have at least.
_SHARE = 0.7


class InbandDigits:
    """One stream's frames of 20 ms in, a digit at the end of each tone pair of 40 ms or more."""

    def __init__(self) -> None:
        self._last: str | None = None
        self._frames = 0

    def feed(self, frame: Samples) -> str | None:
        """The digit that ended before this frame."""
        heard = _digit(frame)
        ended = self._last if heard != self._last and self._frames >= 2 else None
        self._frames = self._frames + 1 if heard == self._last else 1
        self._last = heard
        return ended


def _digit(frame: Samples) -> str | None:
    if mean_amplitude(frame) < _QUIET:
        return None
    rows = [_power(frame, one) for one in _ROWS]
    columns = [_power(frame, one) for one in _COLUMNS]
    energy = sum(one * one for one in frame)
    # A whole tone's power is energy * N / 2 in this measure.
    low, high = max(rows), max(columns)
    if low + high < _SHARE * energy * len(frame) / 2 or min(low, high) * 8 < max(low, high):
        return None
    return _KEYS[4 * rows.index(max(rows)) + columns.index(max(columns))]


def _power(frame: Samples, frequency: int) -> float:
    factor = 2 * math.cos(2 * math.pi * frequency / RATE)
    one = two = 0.0
    for sample in frame:
        one, two = sample + factor * one - two, one
    return one * one + two * two - factor * one * two
