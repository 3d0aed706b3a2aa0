"""The rules of one dialled call: what the switch reports, and what to do next (pure).

CALLING until media can flow, MEDIA until it flows both ways, WAITING for the digits' moment, KEYING
while they go out, REACTING until the far end's answer to them is clear, then OVER. From the first
media on one detector of `hearing` runs at a time; it also sends silence, so that media flows from
this side too.
"""

from enum import Enum

from dialling.actions import Action, Count, Counts, Finish, MarkKeying
from dialling.digit_moment import is_ringing_tone, why_now
from dialling.digits import Digits
from dialling.hearing import Sound, Utterance
from dialling.listening import Listening
from dialling.media_wait import MediaWait
from dialling.plan import Plan
from dialling.reaction import Reaction
from dialling.timeline import Timeline
from schemas.vocabulary import DialOutcome, DialStepKind, DigitMethod, DigitTrigger


class Phase(Enum):
    CALLING = 0
    MEDIA = 1
    WAITING = 2
    KEYING = 3
    REACTING = 4
    OVER = 5


class DialledCall:
    """One call, begun at `now`. Times are monotonic seconds of one clock, given by the caller.

    Each method returns the actions that follow, in order. At most one `Listen` runs at a time: the
    next one comes from `completed`.
    """

    def __init__(self, plan: Plan, now: float, timeline: Timeline | None = None) -> None:
        self._plan, self._timing = plan, plan.timing
        self.timeline = timeline or Timeline(now)
        self.phase = Phase.CALLING
        self.digits = Digits(plan, self.timeline)
        self._listening = Listening(self._timing.silence, self.timeline)
        self._media = MediaWait(self._timing, now)
        self._counts = Counts(0, 0, 0)
        self._since = now  # since when sound is judged
        self._reaction: Reaction | None = None

    def begin(self, now: float) -> None:
        """The switch is asked to call now: from here on the far end may ring."""
        self._media.began = now

    # -- what the switch reports -------------------------------------------------------------------
    def ringing(self, now: float) -> list[Action]:
        """The far end rings (180)."""
        self.timeline.add(DialStepKind.RINGING, now)
        return []

    def early_media(self, now: float) -> list[Action]:
        """Media before the answer (183 with SDP)."""
        if self._media.is_early or self._media.is_answered:
            return []
        self._media.is_early = True
        self.timeline.add(DialStepKind.EARLY_MEDIA, now)
        return self._await_media(now)

    def answered(self, now: float) -> list[Action]:
        """The far end answered (200)."""
        if self._media.is_answered:
            return []
        self._media.answered_at = now
        self.timeline.add(DialStepKind.ANSWERED, now)
        if self.phase in (Phase.KEYING, Phase.REACTING, Phase.OVER):
            return []
        return self._await_media(now)

    def counted(self, counts: Counts, now: float) -> list[Action]:
        """The counters, read now."""
        self._counts = counts
        if self.phase is Phase.MEDIA and self._media.flows(counts):
            self.phase, self._since = Phase.WAITING, now
            self.timeline.add(DialStepKind.MEDIA, now)
            return self._wait(now)
        if self.phase is Phase.KEYING and self.digits.counted(counts.dtmf, now):
            return self._digit_over(now)
        return []

    def completed(self, timed_out: bool, now: float) -> list[Action]:
        """The detector ended; the next one is among the actions while there is a call."""
        reaction = self._reaction if self.phase is Phase.REACTING else None
        heard = self._listening.completed(timed_out, now, reaction)
        if heard is Sound.RAISED and self.phase is Phase.WAITING:
            self._since = now
        actions = self._utterance(heard, now) if isinstance(heard, Utterance) else []
        return actions + self.tick(now) + self._listen(now)

    def played(self, now: float) -> list[Action]:
        """The playback of an in-band digit ended."""
        if self.phase is Phase.KEYING and self.digits.played(now):
            return self._digit_over(now)
        return []

    def ended(self, cause: str, now: float) -> list[Action]:
        """The channel is gone, or never was: its hang-up cause."""
        if self.phase is Phase.OVER:
            return []
        self.timeline.add(DialStepKind.HUNG_UP, now, cause)
        if self.phase is Phase.REACTING and self._reaction is not None:
            return self._finish(self._reaction.hung_up(), cause)
        if self.phase is Phase.KEYING:
            return self._finish(DialOutcome.DIGITS_NOT_TAKEN, cause)
        if self._media.is_answered and self.phase is not Phase.CALLING:
            return self._finish(DialOutcome.FAILED, f"ended before the digits: {cause}")
        return self._finish(DialOutcome.NO_ANSWER, cause)

    def tick(self, now: float) -> list[Action]:
        """Time passed; call it often, each time with the actions of `counted` in between."""
        if self.phase in (Phase.CALLING, Phase.MEDIA):
            return self._patience(now)
        if self.phase is Phase.WAITING:
            return self._wait(now)
        if self.phase is Phase.KEYING:
            return self._key(now)
        if self.phase is Phase.REACTING and self._reaction is not None:
            return self._concluded(self._reaction.passed(now), now)
        return []

    def resumed(self, now: float) -> list[Action]:
        """The event socket is back, and the call still lives: what was running is not known."""
        self.timeline.add(DialStepKind.RESUMED, now)
        self._listening.interrupted(now)
        return self._listen(now)

    # -- until media flows, and the digits' moment -------------------------------------------------
    def _await_media(self, now: float) -> list[Action]:
        self.phase = Phase.MEDIA
        self._media.restart(now)
        return [Count(), *self._listen(now)]

    def _patience(self, now: float) -> list[Action]:
        if self._media.is_unanswered(now):
            return self._unanswered()
        if self.phase is Phase.CALLING:
            return []
        if self._media.is_mute(now):
            cause = "no media both ways in time"
            return self._finish(DialOutcome.NO_ANSWER, cause, hang_up=True)
        return [Count()]

    def _wait(self, now: float) -> list[Action]:
        """Digits, where their moment is now and no sound had to be heard for it."""
        why = why_now(
            self._timing,
            now - self._since,
            is_answered=self._media.is_answered,
            is_hearing=self._listening.is_hearing,
        )
        if why is not None:
            return self._begin_keying(why, now)
        return self._unanswered() if self._media.is_unanswered(now) else []

    def _unanswered(self) -> list[Action]:
        return self._finish(DialOutcome.NO_ANSWER, "not answered in time", hang_up=True)

    def _utterance(self, utterance: Utterance, now: float) -> list[Action]:
        if self.phase is Phase.REACTING and self._reaction is not None:
            return self._concluded(self._reaction.ended(utterance, now), now)
        if self.phase is not Phase.WAITING:
            return []
        if is_ringing_tone(utterance, self._media.answered_at):
            return []
        self._listening.greeting = utterance
        if self._timing.trigger is DigitTrigger.GREETING:
            return self._begin_keying("after the greeting", now)
        return []

    # -- digits ------------------------------------------------------------------------------------
    def _begin_keying(self, why: str, now: float) -> list[Action]:
        self._listening.split(now, is_greeting=self.phase is Phase.WAITING)
        self.phase = Phase.KEYING
        self.digits.begin(why, now)
        return [MarkKeying(), *self._key(now)]

    def _key(self, now: float) -> list[Action]:
        if self._listening.is_on and self._plan.method is DigitMethod.INBAND:
            return []  # the detector that still runs would hear it
        return self.digits.next(self._counts.dtmf, now)

    def _digit_over(self, now: float) -> list[Action]:
        if not self.digits.is_done:
            return self._key(now)
        if not self.digits.any_confirmed and self._plan.method is not DigitMethod.INFO:
            cause = "the switch sent no digit"
            return self._finish(DialOutcome.DIGITS_NOT_TAKEN, cause, hang_up=True)
        self.phase = Phase.REACTING
        timing, greeting = self._timing, self._listening.greeting
        self._reaction = Reaction(
            greeting, self.digits.sent_at, timing.reaction, timing.settle, timing.silence
        )
        self._listening.begin_reaction(self._reaction, now)
        return self._listen(now)

    # -- the far end's answer ----------------------------------------------------------------------
    def _concluded(self, outcome: DialOutcome | None, now: float) -> list[Action]:
        if outcome is None:
            return []
        if outcome is DialOutcome.DIGITS_NOT_TAKEN and self.digits.may_be_sent_again:
            if self._reaction is not None and self._reaction.greeting is not None:
                self._listening.greeting = self._reaction.greeting
            return self._begin_keying("not taken, once more", now)
        is_connected = outcome is DialOutcome.CONNECTED
        return self._finish(outcome, None, hang_up=not is_connected)

    def _listen(self, now: float) -> list[Action]:
        inband = self.phase is Phase.KEYING and self._plan.method is DigitMethod.INBAND
        if inband or self.phase in (Phase.CALLING, Phase.OVER):
            return []
        return self._listening.start(now)

    def _finish(
        self, outcome: DialOutcome, cause: str | None, *, hang_up: bool = False
    ) -> list[Action]:
        self.phase = Phase.OVER
        return [Finish(outcome, cause, hang_up)]
