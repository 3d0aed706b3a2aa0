"""What the IVR plays: speech-like sound, noise, tones and G.711, at 8,000 samples a second (pure).

The speech is made of syllables as loud and as long as recorded ones, with the pauses between words
that a level detector stumbles over. Each text has its own, the same in every run.
"""

import math
import random
from array import array
from typing import TypeAlias

RATE = 8000
FRAME = 160
Samples: TypeAlias = "array[int]"
_PITCH = 115.0
_HARMONICS = ((1, 0.5), (2, 0.9), (4, 0.7), (6, 0.5), (11, 0.35), (17, 0.25), (22, 0.15))
_LOUD = 5000.0


def silence(seconds: float) -> Samples:
    """Nothing."""
    return array("h", bytes(2 * round(seconds * RATE)))


def speech(text: str, seconds: float, loud: float = _LOUD) -> Samples:
    """About so many seconds of syllables; `text` decides which."""
    chance = random.Random(text)
    made = silence(0)
    end = round(seconds * RATE)
    while len(made) < end:
        made.extend(_syllable(chance, chance.uniform(0.12, 0.26), loud))
        pause = chance.uniform(0.02, 0.07) if chance.random() < 0.7 else chance.uniform(0.12, 0.3)
        made.extend(silence(pause))
    # The end is a syllable's, not a pause.
    made.extend(_syllable(chance, 0.2, loud))
    return made


def _syllable(chance: random.Random, seconds: float, loud: float) -> Samples:
    pitch = _PITCH * chance.uniform(0.85, 1.25)
    weights = [(n, w * chance.uniform(0.4, 1.2)) for n, w in _HARMONICS]
    scale = loud * chance.uniform(0.45, 1.0) / sum(w for _, w in weights)
    count = round(seconds * RATE)
    made = array("h")
    for n in range(count):
        envelope = math.sin(math.pi * min(1.0, (n + 1) / count)) ** 0.6
        at = 2 * math.pi * pitch * n / RATE
        wave = sum(w * math.sin(k * at) for k, w in weights)
        made.append(round(scale * envelope * wave))
    return made


def tone(frequency: float, seconds: float, loud: float = 4000.0) -> Samples:
    """One steady tone, as a beep or a ringing tone has it."""
    step = 2 * math.pi * frequency / RATE
    return array("h", (round(loud * math.sin(step * n)) for n in range(round(seconds * RATE))))


def music(text: str, seconds: float, loud: float = 3500.0) -> Samples:
    """Notes without a pause."""
    chance = random.Random(text)
    made = silence(0)
    while len(made) < seconds * RATE:
        made.extend(tone(220 * 2 ** (chance.randrange(24) / 12), 0.3, loud))
    return made


def join(*parts: Samples) -> Samples:
    """One after the other."""
    made = silence(0)
    for part in parts:
        made.extend(part)
    return made


class Noise:
    """The line's own noise, `mean` in amplitude; frames of it without end."""

    def __init__(self, mean: float, seed: str) -> None:
        chance = random.Random(seed)
        # The mean amplitude of a normal distribution is 0.8 of its deviation.
        self._samples = [round(chance.gauss(0, mean / 0.8)) for _ in range(RATE)]
        self._at = 0

    def over(self, frame: Samples) -> Samples:
        """The frame with the next 20 ms of noise."""
        part = self._samples[self._at : self._at + FRAME]
        self._at = (self._at + FRAME) % (len(self._samples) - FRAME)
        return array(
            "h", (max(-32768, min(32767, a + b)) for a, b in zip(frame, part, strict=True))
        )


def mean_amplitude(frame: Samples) -> float:
    """Of one frame."""
    return sum(map(abs, frame)) / len(frame) if frame else 0.0


def score(frame: Samples) -> float:
    """What FreeSWITCH's detectors compare with their level: each second sample, by all of them."""
    return sum(map(abs, frame[::2])) / len(frame) if frame else 0.0


def _ulaw_of(sample: int) -> int:
    """G.711 µ-law of one 16-bit sample."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 132
    exponent = magnitude.bit_length() - 8
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


_ULAW = bytes(_ulaw_of(value - 32768) for value in range(65536))


def ulaw(frame: Samples) -> bytes:
    """One frame as PCMU."""
    return bytes(_ULAW[sample + 32768] for sample in frame)


def from_ulaw(payload: bytes) -> Samples:
    """PCMU as samples."""
    return array("h", (_linear(one) for one in payload))


def _linear(byte: int) -> int:
    byte = ~byte & 0xFF
    magnitude = (((byte & 0x0F) << 3) + 132) << (byte >> 4 & 7)
    return 132 - magnitude if byte & 0x80 else magnitude - 132
