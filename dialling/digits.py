"""The digits of one call over all its attempts: what goes out next, what is confirmed (pure)."""

from dialling.actions import Action, Count, SendDigit
from dialling.keying import Keying, KeyingStep
from dialling.plan import Plan
from dialling.timeline import Timeline
from schemas.vocabulary import DialStepKind

_KINDS = {
    KeyingStep.CONFIRMED: DialStepKind.DIGIT_CONFIRMED,
    KeyingStep.UNCONFIRMED: DialStepKind.DIGIT_UNCONFIRMED,
}


class Digits:
    """`attempts`: how often they were begun; `sent` and `confirmed` are of all attempts."""

    def __init__(self, plan: Plan, timeline: Timeline) -> None:
        self._plan, self._timeline = plan, timeline
        self._keying: Keying | None = None
        self.attempts = self.sent = self.confirmed = 0

    @property
    def may_be_sent_again(self) -> bool:
        return self.attempts < self._plan.attempts

    @property
    def is_done(self) -> bool:
        """Whether each digit of the attempt was sent, and waited for."""
        return self._keying is not None and self._keying.is_done

    @property
    def any_confirmed(self) -> bool:
        """Of the attempt."""
        return self._keying is not None and self._keying.confirmed > 0

    @property
    def sent_at(self) -> float:
        """When the attempt's last digit was sent."""
        return self._keying.sent_at if self._keying is not None else 0.0

    def begin(self, why: str, now: float) -> None:
        """An attempt begins."""
        plan = self._plan
        self.attempts += 1
        self._keying = Keying(len(plan.digits), plan.method, plan.digit_ms, plan.gap_ms)
        self._timeline.add(DialStepKind.KEYED, now, why)

    def next(self, dtmf_packets: int, now: float) -> list[Action]:
        """The digit that is due; the counters' question while one is out."""
        keying = self._keying
        if keying is None:
            return []
        if not keying.due(now):
            return [Count()] if keying.in_flight else []
        place = keying.send(now, dtmf_packets)
        self.sent += 1
        self._timeline.add(DialStepKind.DIGIT, now, f"{place + 1} of {keying.count}")
        return [SendDigit(place)]

    def counted(self, dtmf_packets: int, now: float) -> bool:
        """The switch's counter, read again; whether the digit that was out is over."""
        return self._keying is not None and self._over(
            self._keying, self._keying.counted(dtmf_packets, now), now
        )

    def played(self, now: float) -> bool:
        """The playback of an in-band digit ended; whether the digit is over."""
        return self._keying is not None and self._over(self._keying, self._keying.played(now), now)

    def _over(self, keying: Keying, step: KeyingStep, now: float) -> bool:
        if step is KeyingStep.WAITING:
            return False
        self.confirmed += step is KeyingStep.CONFIRMED
        self._timeline.add(_KINDS[step], now, f"{keying.sent} of {keying.count}")
        return True
