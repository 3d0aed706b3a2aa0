"""Call records: combines the legs of rollcall.calls into calls. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from operate.speech_records import SpeechBook
from schemas.call import CallEvent
from schemas.times import iso
from schemas.vocabulary import CallKind, CallState, Direction

_STATES = {
    CallKind.TRYING: CallState.TRYING,
    CallKind.RINGING: CallState.RINGING,
    CallKind.EARLY: CallState.EARLY,
    CallKind.ANSWERED: CallState.ANSWERED,
    CallKind.HELD: CallState.HELD,
    CallKind.RESUMED: CallState.ANSWERED,
    CallKind.ENDED: CallState.ENDED,
}
_RANK = {state: rank for rank, state in enumerate(CallState)}


@dataclass(slots=True)
class LegRecord:
    """One leg by its events; the `call` of the first event counts."""

    leg: str
    call: str
    seq: int
    aor: str | None = None
    direction: Direction | None = None
    sip_call_id: str | None = None
    peer: str | None = None
    state: CallState = CallState.TRYING
    started: datetime | None = None
    answered: datetime | None = None
    ended: datetime | None = None
    cause: str | None = None
    status_code: int | None = None
    state_seq: int = -1

    def apply(self, event: CallEvent) -> None:
        """Apply one event; no event reopens an ended leg."""
        if event.seq < self.seq and event.call:
            # An earlier event that is read later: now it is the first.
            self.seq, self.call = event.seq, event.call
        self.aor = self.aor or event.aor
        self.direction = self.direction or event.direction
        self.sip_call_id = self.sip_call_id or event.sip_call_id
        self.peer = self.peer or event.peer
        self.started = min(self.started or event.at, event.at)
        if event.kind is CallKind.ANSWERED:
            self.answered = min(self.answered or event.at, event.at)
        if event.kind is CallKind.ENDED:
            self.ended, self.cause, self.status_code = event.at, event.cause, event.status_code
        state = event.state if event.kind is CallKind.SNAPSHOT_ROW else _STATES.get(event.kind)
        if state is not None:
            self._move(state, event.seq)

    def _move(self, state: CallState, seq: int) -> None:
        if self.state is CallState.ENDED:
            return
        swaps = {state, self.state} == {CallState.ANSWERED, CallState.HELD}
        if (swaps and seq > self.state_seq) or (not swaps and _RANK[state] > _RANK[self.state]):
            self.state, self.state_seq = state, seq


@dataclass(slots=True)
class CallBook:
    """Legs by node and leg id; `records` combines them."""

    legs: dict[tuple[str, str], LegRecord] = field(default_factory=dict)

    def apply(self, events: Iterable[CallEvent]) -> None:
        """Apply events; their order between legs does not matter."""
        for event in events:
            if event.leg is None:
                continue
            key = (event.node, event.leg)
            leg = self.legs.get(key)
            if leg is None:
                leg = LegRecord(event.leg, event.call or event.leg, event.seq)
                self.legs[key] = leg
            leg.apply(event)

    def records(self, speech: SpeechBook | None = None) -> list[dict[str, Any]]:
        """One record per call with its speech sessions, ready for JSON, sorted by start."""
        book = speech or SpeechBook()
        calls: dict[tuple[str, str], list[LegRecord]] = {}
        for (node, _), leg in self.legs.items():
            calls.setdefault((node, leg.call), []).append(leg)
        records = [_record(node, call, legs, book) for (node, call), legs in calls.items()]
        return sorted(records, key=lambda record: (record["started"] or "", record["call"]))


def _record(node: str, call: str, legs: list[LegRecord], speech: SpeechBook) -> dict[str, Any]:
    legs.sort(key=lambda leg: (leg.leg != call, leg.seq))
    first = legs[0]
    answered = [leg.answered for leg in legs if leg.answered]
    live = [leg.state for leg in legs if leg.state is not CallState.ENDED]
    ended = [leg.ended for leg in legs if leg.ended]
    return {
        "call_id": first.sip_call_id,
        "call": call,
        "node": node,
        "users": list(dict.fromkeys(leg.aor for leg in legs if leg.aor)),
        "state": max(live, key=_RANK.__getitem__) if live else CallState.ENDED,
        "started": iso(min(leg.started for leg in legs if leg.started)),
        "answered": iso(first.answered or min(answered, default=None)),
        "ended": iso(max(ended)) if ended and not live else None,
        "cause": first.cause,
        "status_code": first.status_code,
        "legs": [_leg(leg) for leg in legs],
        "speech": speech.of(node, [leg.leg for leg in legs]),
    }


def _leg(leg: LegRecord) -> dict[str, Any]:
    return {
        "leg": leg.leg,
        "aor": leg.aor,
        "direction": leg.direction,
        "sip_call_id": leg.sip_call_id,
        "peer": leg.peer,
        "state": leg.state,
        "answered": iso(leg.answered),
        "ended": iso(leg.ended),
        "cause": leg.cause,
        "status_code": leg.status_code,
    }
