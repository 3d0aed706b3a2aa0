"""One call at the IVR: its audio frame by frame, the digits it takes, where the caller ends (pure).

Time is the number of frames played, 20 ms each.
"""

from array import array
from enum import Enum
from functools import cache

from tests.ivr.audio import FRAME, RATE, Noise, Samples, join, silence, speech, tone
from tests.ivr.greetings import Greeting

EXTENSIONS = frozenset({"801", "802", "4711"})
_INTERDIGIT_SECONDS = 2.5
_REPEATS = 2
_FRAMES_PER_SECOND = RATE // FRAME


class Stage(Enum):
    GREETING = 0
    WINDOW = 1
    ANSWERING = 2  # of what the digits led to
    OVER = 3


class Menu:
    """`reached`: the extension; `dropped`: how many digits came while none were taken."""

    def __init__(self, greeting: Greeting) -> None:
        self._greeting = greeting
        self._noise = Noise(greeting.noise, greeting.name) if greeting.noise else None
        self._audio = _audio_of(greeting)
        self._at = 0
        self._frames = self._until = 0
        self._digits = ""
        self._repeats = 0
        self.stage = Stage.GREETING
        self.reached: str | None = None
        self.wrong: list[str] = []
        self.dropped = 0
        self.first_digit_frame: int | None = None

    def frame(self) -> Samples:
        """The next 20 ms."""
        self._frames += 1
        part = self._audio[self._at : self._at + FRAME]
        self._at += FRAME
        if len(part) < FRAME:
            part = array("h", part)
            part.extend(silence((FRAME - len(part)) / RATE))
        self._advance()
        return self._noise.over(part) if self._noise else part

    def key(self, digit: str) -> None:
        """A digit came whole."""
        if self.first_digit_frame is None:
            self.first_digit_frame = self._frames
        if self.stage is Stage.GREETING and self._greeting.barge_in:
            self._play(silence(0), Stage.WINDOW)
        if self.stage is not Stage.WINDOW:
            self.dropped += 1
            return
        self._digits += digit
        self._until = self._frames + round(_INTERDIGIT_SECONDS * _FRAMES_PER_SECOND)
        if self._digits in EXTENSIONS:
            self._reach()

    def _advance(self) -> None:
        ended = self._at >= len(self._audio)
        if self.stage is Stage.GREETING and ended:
            self.stage = Stage.WINDOW
            self._until = self._frames + round(self._greeting.window * _FRAMES_PER_SECOND)
        elif self.stage is Stage.WINDOW and self._frames >= self._until:
            if self._digits:
                self._refuse()
            else:
                self._repeat(silence(0))

    def _reach(self) -> None:
        self.reached = self._digits
        called = join(speech("one moment", 1.2), silence(0.4), tone(425, 1.0), silence(1.0))
        self._play(join(called, speech(f"hello {self.reached}", 1.4)), Stage.ANSWERING)

    def _refuse(self) -> None:
        self.wrong.append(self._digits)
        self._digits = ""
        self._repeat(join(speech("not a valid extension", 1.8), silence(self._greeting.refused)))

    def _repeat(self, before: Samples) -> None:
        self._repeats += 1
        if self._repeats > _REPEATS:
            self.stage = Stage.OVER
            return
        self._play(join(before, _audio_of(self._greeting)), Stage.GREETING)

    def _play(self, audio: Samples, stage: Stage) -> None:
        self._audio, self._at, self.stage = audio, 0, stage


@cache
def _audio_of(greeting: Greeting) -> Samples:
    """Made once: a real IVR does not compose its greeting while the call waits."""
    return greeting.audio()
