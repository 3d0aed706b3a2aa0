"""The rules of one dialled call: what the switch reports, and what to do next (pure).

CALLING until media can flow, MEDIA until it flows both ways, WAITING for the digits' moment, KEYING
while they go out, REACTING until the far end's answer to them is clear, then OVER. From the first
media on one detector of `hearing` runs at a time; it also sends silence, so that media flows from
this side too.
"""

from enum import Enum

from dialling.actions import Action, Count, Counts, Finish, MarkKeying, SendDigit
from dialling.hearing import Ear, Sound, Utterance
from dialling.keying import Keying, KeyingStep
from dialling.plan import Plan
from dialling.reaction import Reaction
from dialling.timeline import Timeline
from schemas.vocabulary import DialOutcome, DialStepKind, DigitMethod, DigitTrigger

# In early media: a ringing tone has no gaps, and is shorter than a greeting.
_TONE_SECONDS, _TONE_GAPS = 2.5, 1
# An utterance's beginning is known within some frames only.
_EARLIER_SECONDS = 0.1


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
        self.attempts = self.digits_sent = self.digits_confirmed = 0
        self._ear = Ear(self._timing.silence)
        self._began = now
        self._is_early = self._listens = False
        self._answered_at: float | None = None
        self._base: Counts | None = None
        self._counts = Counts(0, 0, 0)
        self._since = now  # the present phase's beginning; in WAITING, since when sound is judged
        self._keying: Keying | None = None
        self._greeting: Utterance | None = None
        self._reaction: Reaction | None = None

    def begin(self, now: float) -> None:
        """The switch is asked to call now: from here on the far end may ring."""
        self._began = now

    # -- what the switch reports -------------------------------------------------------------------
    def ringing(self, now: float) -> list[Action]:
        """The far end rings (180)."""
        self.timeline.add(DialStepKind.RINGING, now)
        return []

    def early_media(self, now: float) -> list[Action]:
        """Media before the answer (183 with SDP)."""
        if self._is_early or self._is_answered:
            return []
        self._is_early = True
        self.timeline.add(DialStepKind.EARLY_MEDIA, now)
        return self._await_media(now)

    def answered(self, now: float) -> list[Action]:
        """The far end answered (200)."""
        if self._is_answered:
            return []
        self._answered_at = now
        self.timeline.add(DialStepKind.ANSWERED, now)
        if self.phase in (Phase.KEYING, Phase.REACTING, Phase.OVER):
            return []
        return self._await_media(now)

    def counted(self, counts: Counts, now: float) -> list[Action]:
        """The counters, read now."""
        self._counts = counts
        if self._base is None:
            self._base = counts
        if self.phase is Phase.MEDIA and self._flows(counts):
            self._enter(Phase.WAITING, now)
            self.timeline.add(DialStepKind.MEDIA, now)
            return self._wait(now)
        if self.phase is Phase.KEYING and self._keying is not None:
            step = self._keying.counted(counts.dtmf, now)
            return self._confirmed(step, now)
        return []

    def completed(self, timed_out: bool, now: float) -> list[Action]:
        """The detector ended; the next one is among the actions while there is a call."""
        self._listens = False
        sound = self._ear.completed(timed_out, now)
        actions = self._heard(sound, now) + self.tick(now)
        return actions + self._listen(now)

    def played(self, now: float) -> list[Action]:
        """The playback of an in-band digit ended."""
        if self.phase is not Phase.KEYING or self._keying is None:
            return []
        return self._confirmed(self._keying.played(now), now)

    def ended(self, cause: str, now: float) -> list[Action]:
        """The channel is gone, or never was: its hang-up cause."""
        if self.phase is Phase.OVER:
            return []
        self.timeline.add(DialStepKind.HUNG_UP, now, cause)
        if self.phase is Phase.REACTING and self._reaction is not None:
            return self._finish(self._reaction.hung_up(), cause)
        if self.phase is Phase.KEYING:
            return self._finish(DialOutcome.DIGITS_NOT_TAKEN, cause)
        if self._is_answered and self.phase is not Phase.CALLING:
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
        self._listens = False
        self._ear.interrupted(now)
        return self._listen(now)

    @property
    def _is_answered(self) -> bool:
        return self._answered_at is not None

    # -- until media flows -------------------------------------------------------------------------
    def _await_media(self, now: float) -> list[Action]:
        """From the answer on only media after it counts: a 183's may be a ringing tone."""
        self._enter(Phase.MEDIA, now)
        self._base = None
        return [Count(), *self._listen(now)]

    def _flows(self, counts: Counts) -> bool:
        base = self._base or counts
        return counts.inbound > base.inbound and counts.outbound > base.outbound

    def _patience(self, now: float) -> list[Action]:
        if not self._is_answered and now - self._began > self._timing.answer:
            return self._finish(DialOutcome.NO_ANSWER, "not answered in time", hang_up=True)
        if self.phase is Phase.CALLING:
            return []
        if self._is_answered and now - self._since > self._timing.media:
            cause = "no media both ways in time"
            return self._finish(DialOutcome.NO_ANSWER, cause, hang_up=True)
        return [Count()]

    # -- the moment of the digits ------------------------------------------------------------------
    def _wait(self, now: float) -> list[Action]:
        """Digits, where their moment is now and no sound had to be heard for it."""
        timing, since = self._timing, now - self._since
        match timing.trigger:
            case DigitTrigger.EARLY_MEDIA:
                return self._begin_keying("media flows", now)
            case DigitTrigger.ANSWER if self._is_answered:
                return self._begin_keying("answered", now)
            case DigitTrigger.PAUSE if self._is_answered and since >= timing.pause:
                return self._begin_keying(f"after {timing.pause:g} s", now)
            case DigitTrigger.GREETING if self._is_answered:
                if not self._ear.is_hearing and since >= timing.no_speech:
                    return self._begin_keying("no speech heard", now)
                if since >= timing.at_most:
                    return self._begin_keying("longest wait", now)
        if not self._is_answered and now - self._began > timing.answer:
            return self._finish(DialOutcome.NO_ANSWER, "not answered in time", hang_up=True)
        return []

    def _heard(self, sound: Sound | None, now: float) -> list[Action]:
        if sound is Sound.BEGAN:
            self.timeline.add(DialStepKind.SPEECH_BEGAN, now)
            if self._reaction is not None and self.phase is Phase.REACTING:
                self._reaction.began(now)
        elif sound is Sound.RESUMED:
            if self._reaction is not None and self.phase is Phase.REACTING:
                self._reaction.resumed(now)
        elif sound is Sound.RAISED:
            self.timeline.add(DialStepKind.LEVEL_RAISED, now)
            if self.phase is Phase.WAITING:
                self._since = now
        elif sound is Sound.ENDED and self._ear.last is not None:
            return self._utterance(self._ear.last, now)
        return []

    def _utterance(self, utterance: Utterance, now: float) -> list[Action]:
        seconds = f"{utterance.seconds:.2f} s"
        self.timeline.add(DialStepKind.SPEECH_ENDED, now, seconds)
        if self.phase is Phase.REACTING and self._reaction is not None:
            return self._concluded(self._reaction.ended(utterance, now), now)
        if self.phase is not Phase.WAITING or self._is_ringing_tone(utterance):
            return []
        self._greeting = utterance
        if self._timing.trigger is DigitTrigger.GREETING:
            return self._begin_keying("after the greeting", now)
        return []

    def _is_ringing_tone(self, heard: Utterance) -> bool:
        is_tone = heard.seconds <= _TONE_SECONDS and len(heard.gaps) <= _TONE_GAPS
        answered = self._answered_at
        return is_tone and (answered is None or heard.began < answered - _EARLIER_SECONDS)

    # -- digits ------------------------------------------------------------------------------------
    def _begin_keying(self, why: str, now: float) -> list[Action]:
        plan = self._plan
        heard = self._ear.split(now)
        if heard is not None and self.phase is Phase.WAITING:
            self._greeting = heard
        self._enter(Phase.KEYING, now)
        self.attempts += 1
        self._keying = Keying(len(plan.digits), plan.method, plan.digit_ms, plan.gap_ms)
        self.timeline.add(DialStepKind.KEYED, now, why)
        return [MarkKeying(), *self._key(now)]

    def _key(self, now: float) -> list[Action]:
        keying = self._keying
        if keying is None or (self._listens and self._plan.method is DigitMethod.INBAND):
            return []
        if not keying.due(now):
            return [Count()] if keying.in_flight else []
        place = keying.send(now, self._counts.dtmf)
        self.digits_sent += 1
        self.timeline.add(DialStepKind.DIGIT, now, f"{place + 1} of {keying.count}")
        return [SendDigit(place)]

    def _confirmed(self, step: KeyingStep, now: float) -> list[Action]:
        keying = self._keying
        if keying is None or step is KeyingStep.WAITING:
            return []
        is_confirmed = step is KeyingStep.CONFIRMED
        self.digits_confirmed += is_confirmed
        kinds = DialStepKind.DIGIT_UNCONFIRMED, DialStepKind.DIGIT_CONFIRMED
        self.timeline.add(kinds[is_confirmed], now, f"{keying.sent} of {keying.count}")
        if not keying.is_done:
            return self._key(now)
        if not keying.confirmed and self._plan.method is not DigitMethod.INFO:
            cause = "the switch sent no digit"
            return self._finish(DialOutcome.DIGITS_NOT_TAKEN, cause, hang_up=True)
        self._enter(Phase.REACTING, now)
        timing = self._timing
        self._ear.split(now)
        self._reaction = Reaction(
            self._greeting, keying.sent_at, timing.reaction, timing.settle, timing.silence
        )
        if self._ear.began is not None:
            self._reaction.began(self._ear.began)
        return self._listen(now)

    # -- the far end's answer ----------------------------------------------------------------------
    def _concluded(self, outcome: DialOutcome | None, now: float) -> list[Action]:
        if outcome is None:
            return []
        if outcome is DialOutcome.DIGITS_NOT_TAKEN and self.attempts < self._plan.attempts:
            if self._reaction is not None and self._reaction.greeting is not None:
                self._greeting = self._reaction.greeting
            return self._begin_keying("not taken, once more", now)
        is_connected = outcome is DialOutcome.CONNECTED
        return self._finish(outcome, None, hang_up=not is_connected)

    def _listen(self, now: float) -> list[Action]:
        inband = self.phase is Phase.KEYING and self._plan.method is DigitMethod.INBAND
        if self._listens or inband or self.phase in (Phase.CALLING, Phase.OVER):
            return []
        self._listens = True
        return [self._ear.listen(now)]

    def _finish(
        self, outcome: DialOutcome, cause: str | None, *, hang_up: bool = False
    ) -> list[Action]:
        self.phase = Phase.OVER
        return [Finish(outcome, cause, hang_up)]

    def _enter(self, phase: Phase, now: float) -> None:
        self.phase, self._since = phase, now
