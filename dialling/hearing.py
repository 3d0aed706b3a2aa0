"""From the switch's sound detectors to utterances: when somebody speaks, pauses, has ended (pure).

FreeSWITCH has three applications that read a channel's audio frame by frame and return when a
level was held for so many frames (switch_ivr_play_say.c): `wait_for_silence`, `detect_audio` and
`detect_silence`. The first reports one moment only, 25 frames after the silence; the other two in
turn report when sound began, each gap in it, and its end. So they are run one after the other, in
pieces short enough that a call can do something else in between.

Speech has gaps. Sound without one for CONTINUOUS_SECONDS is the line's noise or music: the level
is raised, and listening begins anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, StrEnum

# Of switch_ivr_detect_audio(): about half of the frame's mean amplitude, for its index takes two
# steps a sample and runs past the frame. Speech at -26 dBov has some 500, a quiet line 10.
LEVELS = (75, 160, 350)
# Frames of 20 ms, the usual packet; a detector returns at one more than it is given.
FRAME_SECONDS = 0.02
SOUND_FRAMES = 3
GAP_FRAMES = 6
CONTINUOUS_SECONDS = 4.0
PIECE_SECONDS = 0.5
# Longer than between words: two utterances may meet there.
PAUSE_SECONDS = 0.35


class Detector(StrEnum):
    """An application of mod_dptools."""

    AUDIO = "detect_audio"
    SILENCE = "detect_silence"


@dataclass(frozen=True, slots=True)
class Listen:
    """One run of a detector: the level, the frames that must hold it, the longest wait."""

    detector: Detector
    level: int
    frames: int
    timeout_ms: int

    @property
    def arguments(self) -> str:
        """As the application takes them: `<threshold> <hits> <timeout_ms>`."""
        return f"{self.level} {self.frames} {self.timeout_ms}"


@dataclass(frozen=True, slots=True)
class Utterance:
    """Sound from `began` until a silence as long as the plan's; `gaps`: shorter silences in it,
    each from when until when.

    `is_whole`: it was not heard from the middle only, after the level was raised or the detectors
    were lost.
    """

    began: float
    ended: float
    gaps: tuple[tuple[float, float], ...] = ()
    is_whole: bool = True

    @property
    def seconds(self) -> float:
        return self.ended - self.began

    def parts(self) -> Iterator["Utterance"]:
        """What was heard after each pause that is longer than between words."""
        for number, (began, ended) in enumerate(self.gaps):
            if ended - began >= PAUSE_SECONDS:
                yield Utterance(ended, self.ended, self.gaps[number + 1 :])


class Sound(StrEnum):
    """What a detector's end means."""

    BEGAN = "began"
    RESUMED = "resumed"  # after a pause that is longer than between words
    ENDED = "ended"
    RAISED = "raised"


class _Phase(Enum):
    QUIET = 0
    SPEECH = 1
    GAP = 2


class Ear:
    """The detectors' order on one call. Times are the caller's, in seconds."""

    def __init__(self, silence: float) -> None:
        self._silence = silence
        self._phase = _Phase.QUIET
        self._rung = 0
        self._began = 0.0
        self._steady_since = 0.0
        self._gap_began = 0.0
        self._gaps: list[tuple[float, float]] = []
        self._is_cut = False
        self._interrupted_at = float("-inf")
        self.last: Utterance | None = None

    @property
    def is_hearing(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return self._phase is not _Phase.QUIET

    @property
    def began(self) -> float | None:
        """When the present utterance began."""
        return self._began if self.is_hearing else None

    def listen(self, now: float) -> Listen:
        """The next run."""
        level = LEVELS[self._rung]
        if self._phase is _Phase.SPEECH:
            return Listen(Detector.SILENCE, level, GAP_FRAMES, _ms(PIECE_SECONDS))
        wait = PIECE_SECONDS
        if self._phase is _Phase.GAP:
            wait = min(wait, max(0.06, self._gap_began + self._silence - now))
        return Listen(Detector.AUDIO, level, SOUND_FRAMES, _ms(wait))

    def completed(self, timed_out: bool, now: float) -> Sound | None:
        """Accept the end of the run: whether its wait ended without what it detects."""
        if self._phase is _Phase.QUIET:
            return None if timed_out else self._begin(now)
        if self._phase is _Phase.SPEECH:
            return self._in_speech(timed_out, now)
        return self._in_gap(timed_out, now)

    def interrupted(self, now: float) -> None:
        """No detector ran for a while: what is heard, or is heard at once, is not whole."""
        self._interrupted_at = now
        self._is_cut = self._is_cut or self.is_hearing

    def split(self, now: float) -> Utterance | None:
        """End the present utterance where it pauses for longer than between words.

        For the moment of digits, whose answer may come before the silence that ends an utterance.
        """
        if self._phase is not _Phase.GAP or now - self._gap_began < PAUSE_SECONDS:
            return None
        self._phase = _Phase.QUIET
        return self._finished()

    def _begin(self, now: float) -> Sound:
        self._phase = _Phase.SPEECH
        self._began = self._steady_since = now - (SOUND_FRAMES + 1) * FRAME_SECONDS
        self._gaps = []
        self._is_cut = self._is_cut or self._began - self._interrupted_at < PIECE_SECONDS
        return Sound.BEGAN

    def _in_speech(self, timed_out: bool, now: float) -> Sound | None:
        if not timed_out:
            self._phase = _Phase.GAP
            self._gap_began = now - (GAP_FRAMES + 1) * FRAME_SECONDS
            return None
        if now - self._steady_since < CONTINUOUS_SECONDS or self._rung + 1 == len(LEVELS):
            return None
        self._rung += 1
        self._phase, self._is_cut = _Phase.QUIET, True
        return Sound.RAISED

    def _in_gap(self, timed_out: bool, now: float) -> Sound | None:
        if not timed_out:
            self._phase = _Phase.SPEECH
            ended = now - (SOUND_FRAMES + 1) * FRAME_SECONDS
            self._gaps.append((self._gap_began, ended))
            self._steady_since = now
            return Sound.RESUMED if ended - self._gap_began >= PAUSE_SECONDS else None
        # Media time and ours differ by a frame or two.
        if now < self._gap_began + self._silence - 2 * FRAME_SECONDS:
            return None
        self._phase = _Phase.QUIET
        self._finished()
        return Sound.ENDED

    def _finished(self) -> Utterance:
        last = Utterance(self._began, self._gap_began, tuple(self._gaps), not self._is_cut)
        self.last, self._is_cut = last, False
        return last


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
