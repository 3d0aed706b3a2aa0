"""A call of the product's rules to the test IVR in simulated time: detectors, counters, digits."""

from dialling.actions import Action, Count, Counts, Finish, MarkKeying, SendDigit
from dialling.dialled_call import DialledCall
from dialling.hearing import Listen
from dialling.plan import Plan
from tests.ivr.audio import score, tone
from tests.ivr.detector import FRAME_SECONDS, Run
from tests.ivr.greetings import Greeting
from tests.ivr.menu import Menu, Stage

_LONGEST_SECONDS = 180.0


class PhoneLine:
    """One call; `run` returns its last action. `menu` shows where the caller ended up."""

    def __init__(self, greeting: Greeting, plan: Plan) -> None:
        self.greeting, self.menu = greeting, Menu(greeting)
        self.now = 100.0
        self.call = DialledCall(plan, self.now)
        self._plan = plan
        self._began = self.now
        self._run: Run | None = None
        self._finish: Finish | None = None
        self._inbound = self._outbound = self._dtmf = 0
        self._digit: tuple[str, float] | None = None
        self._is_early = self._is_answered = False
        self.digits_before_media = 0

    def run(self) -> Finish:
        """Until the rules have an outcome."""
        while self._finish is None:
            assert self.now - self._began < _LONGEST_SECONDS, "no outcome"
            self.now += FRAME_SECONDS
            self._step()
        return self._finish

    def _step(self) -> None:
        self._signal()
        if self._is_early or self._is_answered:
            self._outbound += self._run is not None
            self._media()
        self._key()
        if self.menu.stage is Stage.OVER:
            self._do(self.call.ended("NORMAL_CLEARING", self.now))
        if round(self.now / FRAME_SECONDS) % 3 == 0:
            self._do(self.call.tick(self.now))

    def _signal(self) -> None:
        greeting, since = self.greeting, self.now - self._began
        is_early = greeting.stays_early or (greeting.early > 0 and not self._is_answered)
        if is_early and not self._is_early:
            self._is_early = True
            self._do(self.call.early_media(self.now))
        if not self._is_answered and not greeting.stays_early:
            if since >= max(greeting.rings, greeting.early, 0.1):
                self._is_answered, self._answered_at = True, self.now
                self._do(self.call.answered(self.now))
        elif greeting.stays_early and self.menu.reached and not self._is_answered:
            self._is_answered, self._answered_at = True, self.now
            self._do(self.call.answered(self.now))

    def _media(self) -> None:
        greeting = self.greeting
        if self._is_early and not self._is_answered and not greeting.stays_early:
            self._inbound += 1
            ringing = tone(425, 0.02) if (self.now - self._began) % 5 < 1 else tone(425, 0.02, 0)
            self._hear(score(ringing))
            return
        if (
            self._is_answered
            and not self._is_early
            and self.now - self._answered_at < greeting.late
        ):
            self._hear(0)
            return
        if greeting.waits_for_media and self._outbound < 2:
            self._hear(0)
            return
        self._inbound += 1
        self._hear(score(self.menu.frame()))

    def _hear(self, amplitude: float) -> None:
        if self._run is None:
            return
        ended = self._run.hear(amplitude)
        if ended is not None:
            self._run = None
            self._do(self.call.completed(ended, self.now))

    def _key(self) -> None:
        """The digit's packets: one a frame, the last one three times, then the menu has it."""
        if self._digit is None:
            return
        digit, began = self._digit
        self._dtmf += 1
        if self.now - began >= self._plan.digit_ms / 1000:
            self._dtmf += 2
            self._digit = None
            self.menu.key(digit)

    def _do(self, actions: list[Action]) -> None:
        waiting = list(actions)
        while waiting and self._finish is None:
            waiting[:0] = self._done(waiting.pop(0))

    def _done(self, action: Action) -> list[Action]:
        match action:
            case Count():
                counts = Counts(self._inbound, self._outbound, self._dtmf)
                return self.call.counted(counts, self.now)
            case Listen():
                assert self._run is None, "two detectors at a time"
                self._run = Run(action)
            case SendDigit():
                self.digits_before_media += not (self._inbound and self._outbound)
                assert self._digit is None, "two digits at a time"
                self._digit = self._plan.digits[action.place], self.now
            case MarkKeying():
                pass
            case Finish():
                self._finish = action
        return []
