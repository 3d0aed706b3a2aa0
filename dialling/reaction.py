"""What the far end does after the digits, and what that means (pure).

The switch hears levels, not words. An utterance as long as the greeting is taken for the greeting
again: alone it means that the digits were not taken, after another utterance that the extension
was refused. Anything else that is heard is an answer to the digits.
"""

from dataclasses import dataclass, field

from dialling.hearing import Utterance
from schemas.vocabulary import DialOutcome

# Of a repeated recording the length differs by frames only; of the same words spoken anew by more.
_LENGTH_SECONDS, _LENGTH_SHARE = 0.3, 0.08
# A shorter one has a length like many others.
_TELLING_SECONDS = 1.0
_LONG_SECONDS = 4.0


def is_alike(one: Utterance | None, other: Utterance | None) -> bool:
    """Whether two utterances are most probably the same recording, by their lengths."""
    if one is None or other is None or not (one.is_whole and other.is_whole):
        return False
    if min(one.seconds, other.seconds) < _TELLING_SECONDS:
        return False
    return abs(one.seconds - other.seconds) <= max(_LENGTH_SECONDS, _LENGTH_SHARE * one.seconds)


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
    # An utterance that goes on: when it began.
    _speaking_since: float | None = None

    def __post_init__(self) -> None:
        self._quiet_since = self.since

    def began(self, at: float) -> None:
        """An utterance began."""
        self._speaking_since = at

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
        self._answers.append(utterance)
        return DialOutcome.CONNECTED if len(self._answers) > 1 else None

    def passed(self, now: float) -> DialOutcome | None:
        """The outcome as time passes without an event, once there is one."""
        if self._speaking_since is not None:
            spoken = now - self._speaking_since
            is_long = self._speaking_since >= self.since and spoken > self._longer_than_greeting
            return DialOutcome.CONNECTED if is_long else None
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
