"""What the far end does after the digits, and what that means (pure).

The switch hears levels, not words. An utterance as long as the greeting is taken for the greeting
again: alone it means that the digits were not taken, after another utterance that the extension
was refused. The two may be heard as one, where the far end pauses for less than the silence that
ends an utterance: then what follows one of its pauses is as long, and has its gaps where the
greeting has them. Anything else that is heard is an answer to the digits.
"""

from dataclasses import dataclass, field

from dialling.hearing import Utterance
from schemas.vocabulary import DialOutcome

# Of a repeated recording the length differs by frames only; of the same words spoken anew by more.
_LENGTH_SECONDS, _LENGTH_SHARE = 0.3, 0.08
# A shorter one has a length like many others.
_TELLING_SECONDS = 1.0
_LONG_SECONDS = 4.0
# Longer no far end talks before it plays its greeting again.
_REFUSAL_SECONDS = 6.0
# Of an utterance's part the length and the gaps have to agree better: it has many parts.
_PART_SECONDS, _PART_SHARE = 0.2, 0.05
# With fewer gaps it is like many other words: one in ten, where none is.
_TELLING_GAPS = 2
# Gaps of one recording are at the same places, heard twice; detectors tick, and events wait.
_PLACE_SECONDS = 0.15


def is_alike(one: Utterance | None, other: Utterance | None) -> bool:
    """Whether two utterances are most probably the same recording, by their lengths."""
    if one is None or other is None or not (one.is_whole and other.is_whole):
        return False
    if min(one.seconds, other.seconds) < _TELLING_SECONDS:
        return False
    return abs(one.seconds - other.seconds) <= max(_LENGTH_SECONDS, _LENGTH_SHARE * one.seconds)


def ends_with(greeting: Utterance | None, utterance: Utterance) -> bool:
    """Whether an utterance is something else and, after a pause, most probably the greeting."""
    if greeting is None or len(greeting.gaps) < _TELLING_GAPS:
        return False
    return any(
        is_alike(greeting, part) and _is_recording_of(greeting, part) for part in utterance.parts()
    )


def _is_recording_of(one: Utterance, other: Utterance) -> bool:
    """One gap in six may be missing: what is just as long as a detector needs is heard, or not."""
    if abs(one.seconds - other.seconds) > max(_PART_SECONDS, _PART_SHARE * one.seconds):
        return False
    left = [(began - other.began, ended - other.began) for began, ended in other.gaps]
    missing = 0
    for began, ended in one.gaps:
        place = began - one.began, ended - one.began
        near = [gap for gap in left if _is_near(gap, place)]
        if near:
            left.remove(near[0])
        else:
            missing += 1
    return missing + len(left) <= (len(one.gaps) + len(other.gaps)) // 6


def _is_near(gap: tuple[float, float], place: tuple[float, float]) -> bool:
    return max(abs(gap[0] - place[0]), abs(gap[1] - place[1])) <= _PLACE_SECONDS


@dataclass(slots=True)
class Reaction:
    """What was heard since the last digit was sent, at `since`; `greeting`: what was heard before.

    Seconds: without a sound for `silent_after` there was no answer, after `settle` of quiet no more
    comes; an utterance's end is known `silence` after it.
    """

    greeting: Utterance | None
    since: float
    silent_after: float
    settle: float
    silence: float
    _answers: list[Utterance] = field(default_factory=list)
    _quiet_since: float = 0.0
    # An utterance that goes on: when it began, and since when it has not paused.
    _speaking_since: float | None = None
    _unpaused_since: float = 0.0

    def __post_init__(self) -> None:
        self._quiet_since = self.since

    def began(self, at: float) -> None:
        """An utterance began."""
        self._speaking_since = self._unpaused_since = at

    def resumed(self, at: float) -> None:
        """It goes on after a pause: from here on it may be the greeting."""
        self._unpaused_since = at

    def ended(self, utterance: Utterance, now: float) -> DialOutcome | None:
        """An utterance ended; an outcome where it decides."""
        self._speaking_since, self._quiet_since = None, now
        if utterance.began < self.since:
            # The greeting, which the digits did not end: now it is known how long it is.
            if utterance.ended > self.since:
                self.greeting = utterance
            return None
        if is_alike(self.greeting, utterance):
            if self._answers:
                return DialOutcome.WRONG_EXTENSION
            return DialOutcome.DIGITS_NOT_TAKEN
        if ends_with(self.greeting, utterance):
            return DialOutcome.WRONG_EXTENSION
        self._answers.append(utterance)
        return DialOutcome.CONNECTED if len(self._answers) > 1 else None

    def passed(self, now: float) -> DialOutcome | None:
        """The outcome as time passes without an event, once there is one."""
        if self._speaking_since is not None:
            limit = self._longer_than_greeting
            is_long = (
                now - self._unpaused_since > limit
                or now - self._speaking_since > limit + _REFUSAL_SECONDS
            )
            is_new = self._speaking_since >= self.since
            return DialOutcome.CONNECTED if is_new and is_long else None
        if self._answers:
            settled = now - self._quiet_since >= self.settle
            return DialOutcome.CONNECTED if settled else None
        if now - max(self.since, self._quiet_since) >= self.silent_after:
            return DialOutcome.DIGITS_NOT_TAKEN
        return None

    @property
    def _longer_than_greeting(self) -> float:
        greeting = self.greeting.seconds if self.greeting is not None else 0.0
        return max(_LONG_SECONDS, greeting * 1.1 + 2 * _LENGTH_SECONDS) + self.silence

    def hung_up(self) -> DialOutcome:
        """The far end ended the call."""
        return DialOutcome.WRONG_EXTENSION
