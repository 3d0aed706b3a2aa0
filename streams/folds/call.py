"""Session fold, calls: (session, event) -> session; a leg never comes back from ended.

Pure. States after RFC 4235 §3.7.1; forked branches are separate legs.
"""

from schemas.fences import Fence
from schemas.vocabulary import CallKind, CallState, Cause
from streams.folds.ordering import LISTING_LAG, is_newer, limit_tombstones
from streams.folds.outcome import Change, FoldResult, rejected
from streams.models import CallEvent, CallOwner, EndedLeg, Event, Leg, Session

_STATE_OF = {
    CallKind.TRYING: CallState.TRYING,
    CallKind.RINGING: CallState.RINGING,
    CallKind.EARLY: CallState.EARLY,
    CallKind.ANSWERED: CallState.ANSWERED,
    CallKind.HELD: CallState.HELD,
    CallKind.RESUMED: CallState.ANSWERED,
}
# Until it is answered a leg only moves forward, whatever the order of arrival. FreeSWITCH sends
# several of these events with one timestamp, and its sequence numbers go down between threads.
_RANK = {
    CallState.TRYING: 0,
    CallState.RINGING: 1,
    CallState.EARLY: 2,
    CallState.ANSWERED: 3,
    CallState.HELD: 3,
}
_CAUSE_OF = {
    CallState.RINGING: Cause.CALL_RINGING,
    CallState.EARLY: Cause.CALL_RINGING,
    CallState.ANSWERED: Cause.CALL_ANSWERED,
    CallState.HELD: Cause.CALL_HELD,
}


def fold_call(session: Session, event: CallEvent) -> FoldResult:
    """Apply one call event about a leg of this session's user."""
    if event.leg is None:
        return rejected(Fence.NO_LEG_NAMED)
    if event.leg in session.ended_calls:
        return rejected(Fence.LEG_ALREADY_ENDED)
    if event.kind is CallKind.ENDED:
        return end_leg(session, event.leg, event, Cause.CALL_ENDED)
    state = event.state if event.kind is CallKind.SNAPSHOT_ROW else _STATE_OF.get(event.kind)
    if state is None or state is CallState.ENDED:
        return rejected(Fence.KIND_HAS_NO_EFFECT)
    leg = session.calls.get(event.leg)
    known = leg.sip_call_id if leg is not None else None
    result = _move(leg, event, state) if leg else _start(session, event.leg, event, state)
    call_id = session.calls[event.leg].sip_call_id
    # An event that changes nothing may be read again after a crash that came before the owner was
    # durable.
    if call_id is not None and (known is None or result.fence):
        result.owner = _owner(session, event.leg, call_id, event)
    return result


def _owner(session: Session, leg: str, call_id: str, event: CallEvent) -> CallOwner:
    return CallOwner(
        id=event.id,
        source=event.source,
        node=event.node,
        boot=event.boot,
        seq=event.seq,
        at=event.at,
        call_id=call_id,
        aor=session.aor,
        leg=leg,
    )


def _start(session: Session, leg_id: str, event: CallEvent, state: CallState) -> FoldResult:
    session.calls[leg_id] = Leg(
        node=event.node,
        boot=event.boot,
        call=event.call or leg_id,
        sip_call_id=event.sip_call_id,
        direction=event.direction,
        peer=event.peer,
        state=state,
        since=event.at,
        seq=event.seq,
        event=event.id,
        listed_at=event.at if event.snapshot is not None else None,
    )
    if state is CallState.TRYING:
        return FoldResult(changed=True)  # nothing rings yet, so nothing is shown
    return FoldResult(changed=True, change=Change(_CAUSE_OF[state], event.at, [event.id]))


def _move(leg: Leg, event: CallEvent, state: CallState) -> FoldResult:
    if event.snapshot is not None:
        leg.listed_at = max(event.at, leg.listed_at or event.at)
    # The first event of a leg may lack what a later one has (Call-ID of an outgoing leg).
    leg.sip_call_id = leg.sip_call_id or event.sip_call_id
    old = leg.state
    if _RANK[state] < _RANK[old] or state is old:
        return FoldResult(changed=True, fence=Fence.CALL_WENT_NO_FURTHER)
    if _RANK[state] == _RANK[old] and not _is_later(event, leg):
        return FoldResult(changed=True, fence=Fence.OLDER_THAN_LEG)
    leg.state, leg.since, leg.event = state, event.at, event.id
    # A listing's own may be unknown (ordering.UNKNOWN_SEQ).
    leg.seq = max(event.seq, leg.seq) if leg.boot == event.boot else event.seq
    leg.node_lost = False
    cause = Cause.CALL_RESUMED if old is CallState.HELD else _CAUSE_OF[state]
    return FoldResult(changed=True, change=Change(cause, event.at, [event.id]))


def _is_later(event: CallEvent, leg: Leg) -> bool:
    """Whether a hold began or ended after the known state. A listing may be of before it began."""
    if event.snapshot is not None and event.at <= leg.since + LISTING_LAG:
        return False
    return is_newer(event, leg.boot, leg.seq, leg.since)


def end_leg(session: Session, leg_id: str, event: Event, cause: Cause) -> FoldResult:
    """Remove the leg and leave a tombstone; the end is published if the leg was shown."""
    leg = session.calls.pop(leg_id, None)
    session.ended_calls[leg_id] = EndedLeg(at=event.at, event=event.id)
    limit_tombstones(session.ended_calls, event.at)
    result = FoldResult(changed=True)
    if leg is not None and leg.state is not CallState.TRYING and not leg.node_lost:
        result.change = Change(cause, event.at, [event.id, leg.event])
    return result


def legs_shown(session: Session) -> list[tuple[str, CallState]]:
    """The legs in the session's presence record, with their states."""
    return [
        (leg_id, leg.state)
        for leg_id, leg in session.calls.items()
        if leg.state is not CallState.TRYING and not leg.node_lost
    ]
