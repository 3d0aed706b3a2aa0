"""FreeSWITCH's sound detectors, frame by frame (switch_ivr_play_say.c)."""

from dataclasses import dataclass

from dialling.hearing import Detector, Listen

FRAME_SECONDS = 0.02


@dataclass(slots=True)
class Run:
    """A detector that runs, as switch_ivr_detect_audio() and _silence() do."""

    listen: Listen
    hits: int = 0
    frames: int = 0

    def hear(self, amplitude: float) -> bool | None:
        """Whether it ends by its wait (True) or by what it detects (False); None: neither yet."""
        self.frames += 1
        is_loud = amplitude >= self.listen.level
        wanted = is_loud == (self.listen.detector is Detector.AUDIO)
        if self.frames * FRAME_SECONDS * 1000 >= self.listen.timeout_ms:
            return True
        self.hits = self.hits + 1 if wanted else 0
        return False if self.hits > self.listen.frames else None
