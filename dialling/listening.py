"""What is heard on one call: one detector at a time, each utterance in the timeline (pure).

The last utterance before the digits is the greeting.
"""

from dialling.actions import Action
from dialling.hearing import Ear, Sound, Utterance
from dialling.reaction import Reaction
from dialling.timeline import Timeline
from schemas.vocabulary import DialStepKind


class Listening:
    """`is_on`: a detector runs, whose end is still to come."""

    def __init__(self, silence: float, timeline: Timeline) -> None:
        self._ear = Ear(silence)
        self._timeline = timeline
        self.is_on = False
        self.greeting: Utterance | None = None

    @property
    def is_hearing(self) -> bool:
        """Whether somebody speaks now."""
        return self._ear.is_hearing

    def start(self, now: float) -> list[Action]:
        """Run the next detector, where none runs."""
        if self.is_on:
            return []
        self.is_on = True
        return [self._ear.listen(now)]

    def interrupted(self, now: float) -> None:
        """The event socket was lost: no detector is known to run."""
        self.is_on = False
        self._ear.interrupted(now)

    def completed(
        self, timed_out: bool, now: float, reaction: Reaction | None
    ) -> Sound | Utterance | None:
        """The detector ended: what that means, an utterance where one has ended.

        `reaction`: the answer to the digits, where that is listened to.
        """
        self.is_on = False
        sound = self._ear.completed(timed_out, now)
        if sound is Sound.BEGAN:
            self._timeline.add(DialStepKind.SPEECH_BEGAN, now)
            if reaction is not None:
                reaction.began(now)
        elif sound is Sound.RESUMED and reaction is not None:
            reaction.resumed(now)
        elif sound is Sound.RAISED:
            self._timeline.add(DialStepKind.LEVEL_RAISED, now)
        elif sound is Sound.ENDED and (heard := self._ear.last) is not None:
            self._timeline.add(DialStepKind.SPEECH_ENDED, now, f"{heard.seconds:.2f} s")
            return heard
        return sound

    def split(self, now: float, *, is_greeting: bool) -> None:
        """Digits go out: an utterance that pauses is over, and may have been the greeting."""
        heard = self._ear.split(now)
        if heard is not None and is_greeting:
            self.greeting = heard

    def begin_reaction(self, reaction: Reaction, now: float) -> None:
        """The digits are out: what is heard from now on is the answer to them."""
        self._ear.split(now)
        if self._ear.began is not None:
            reaction.began(self._ear.began)
