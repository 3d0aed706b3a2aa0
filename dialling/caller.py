"""Carries out one call on one node: the rules' actions to the switch, its events to the rules."""

import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime

from gevent.queue import Empty

from dialling import originate
from dialling.actions import Action, Count, Finish, MarkKeying, SendDigit
from dialling.channel_events import ChannelEvent, Happened
from dialling.dialled_call import DialledCall
from dialling.errors import NodeAway
from dialling.hearing import Listen
from dialling.node import Node
from dialling.number_leg import NumberLeg
from dialling.plan import Plan
from dialling.switch_leg import SwitchLeg
from dialling.timeline import Timeline
from dialling.user_leg import UserLeg
from runtime import logs
from schemas.dialling import DialCommand, DialResult
from schemas.vocabulary import DialOutcome, DialState, DialStepKind

log = logs.get(__name__)

_TICK_SECONDS = 0.05
_AWAY = Finish(DialOutcome.FAILED, "the node's event socket is away", hang_up=True)


class Caller:
    """One key's call. `publish` returns when the result is durable."""

    def __init__(
        self,
        node: Node,
        command: DialCommand,
        plan: Plan,
        publish: Callable[[DialResult], None],
        last: DialResult,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._node, self._command, self._plan = node, command, plan
        self._publish, self._last, self._clock = publish, last, clock
        self._uuid = last.call
        self._call = DialledCall(plan, clock(), Timeline(clock(), last.timeline))
        self._user = UserLeg(node, command, plan) if command.user else None
        self._uuids = [self._uuid, *([self._user.uuid] if self._user else ())]
        self._mailbox = node.open(*self._uuids)
        self._leg = NumberLeg(node, self._uuid, self._mailbox)
        self._switch = SwitchLeg(node, self._uuid, plan)
        self._state = DialState.CALLING
        self._end: Finish | None = None

    # -- from outside ------------------------------------------------------------------------------
    def call(self, gateway: str) -> DialResult:
        """Call the number; returns the last result. Raises Unsafe, NodeAway before anything."""
        plan, uuid = self._plan, self._uuid
        leg = originate.Leg(uuid, plan.timing.answer, self._user.uuid if self._user else None)
        line = originate.to_gateway(leg, gateway, self._command.number, plan.method)
        self._publish(self._result(DialState.CALLING))
        if self._user_answers():
            self._call.timeline.add(DialStepKind.CALLED, self._clock(), f"through {gateway}")
            self._call.begin(self._clock())
            if not self._leg.ask(line):
                self._end = _AWAY
        return self._drive([])

    def adopt(self) -> DialResult:
        """Go on with a call that lives, begun before a restart; no digit was sent yet."""
        self._mailbox.put(ChannelEvent(self._uuid, Happened.RECONNECTED))
        return self._drive([])

    def end(self, outcome: DialOutcome, cause: str) -> DialResult:
        """Give the call this outcome and hang up what there may be of it."""
        self._call.timeline.add(DialStepKind.RESUMED, self._clock())
        self._end = Finish(outcome, cause, hang_up=True)
        return self._drive([])

    def _user_answers(self) -> bool:
        """Whether the user's own leg is there, or none is asked for."""
        if self._user is None:
            return True
        try:
            if self._user.ring(self._mailbox, self._call.timeline):
                return True
            outcome, cause = DialOutcome.NO_ANSWER, "the user did not answer"
        except NodeAway as error:
            self._await_node()
            outcome, cause = DialOutcome.FAILED, str(error)
        self._end = self._end or Finish(outcome, cause, hang_up=True)
        return False

    # -- the loop ----------------------------------------------------------------------------------
    def _drive(self, actions: list[Action]) -> DialResult:
        try:
            self._do(actions)
            while self._end is None:
                self._step()
            return self._ended()
        finally:
            self._node.close(*self._uuids)

    def _step(self) -> None:
        try:
            event = self._mailbox.get(timeout=_TICK_SECONDS)
        except Empty:
            event = None
        try:
            now = self._clock()
            actions = self._accept(event, now) if event is not None else []
            self._do(actions or self._call.tick(now))
        except NodeAway:
            self._await_node()

    def _await_node(self) -> None:
        if not self._leg.await_node():
            self._end = _AWAY

    def _accept(self, event: ChannelEvent, now: float) -> list[Action]:
        call, running = self._call, self._switch.running
        if event.uuid != self._uuid and event.what is not Happened.RECONNECTED:
            return self._users_own(event)
        match event.what:
            case Happened.RINGING:
                return call.ringing(now)
            case Happened.EARLY_MEDIA:
                return call.early_media(now)
            case Happened.ANSWERED:
                return call.answered(now)
            case Happened.DETECTED | Happened.TIMED_OUT if event.application == running:
                return call.completed(event.what is Happened.TIMED_OUT, now)
            case Happened.PLAYED if event.application == running:
                return call.played(now)
            case Happened.ENDED | Happened.NOT_CALLED:
                return call.ended(event.cause, now)
            case Happened.RECONNECTED:
                return self._found(now)
            case _:
                return []  # of an application that was started before the socket was lost

    def _users_own(self, event: ChannelEvent) -> list[Action]:
        if event.what in (Happened.ENDED, Happened.NOT_CALLED):
            return [Finish(DialOutcome.FAILED, f"the user hung up: {event.cause}", hang_up=True)]
        return []

    def _found(self, now: float) -> list[Action]:
        """How the channel stands after events may have been missed."""
        if not self._leg.is_there():
            return self._call.ended("not on the node any more", now)
        state = self._leg.answer_state()
        actions = self._call.resumed(now)
        if state == "answered":
            actions += self._call.answered(now)
        elif state == "early":
            actions += self._call.early_media(now)
        return actions

    # -- actions -----------------------------------------------------------------------------------
    def _do(self, actions: list[Action]) -> None:
        waiting = deque(actions)
        while waiting and self._end is None:
            waiting.extendleft(reversed(self._done(waiting.popleft())))

    def _done(self, action: Action) -> list[Action]:
        """Carry out one; what follows from its answer."""
        match action:
            case Count():
                return self._call.counted(self._switch.counts(), self._clock())
            case Listen():
                self._switch.listen(action)
            case SendDigit():
                self._switch.send_digit(action.place)
            case MarkKeying():
                self._state = DialState.KEYING
                self._publish(self._result(DialState.KEYING))
            case Finish():
                self._end = action
        return []

    # -- results -----------------------------------------------------------------------------------
    def _ended(self) -> DialResult:
        end = self._end or Finish(DialOutcome.FAILED, None, hang_up=True)
        if end.hang_up:
            self._switch.hang_up(self._uuids)
        elif self._user is not None and self._switch.bridge(self._user.uuid):
            self._call.timeline.add(DialStepKind.BRIDGED, self._clock())
        result = self._result(DialState.ENDED, end.outcome, end.cause)
        self._publish(result)
        self._switch.clear_marks(self._uuids)
        log.info("dialled", key=result.key, outcome=result.outcome, cause=result.cause)
        return result

    def _result(
        self, state: DialState, outcome: DialOutcome | None = None, cause: str | None = None
    ) -> DialResult:
        call, command = self._call, self._command
        return DialResult(
            key=command.key,
            call=self._uuid,
            client=command.client,
            at=datetime.now(UTC),
            asked_at=command.at,
            state=state,
            outcome=outcome,
            cause=cause,
            user=command.user,
            gateway=self._last.gateway,
            number=command.number,
            node=self._node.name,
            boot=self._node.boot,
            digits=len(self._plan.digits),
            digits_sent=call.digits.sent,
            digits_confirmed=call.digits.confirmed,
            attempts=call.digits.attempts,
            timeline=list(call.timeline.steps),
        )
