"""Leg fold: (leg, call event) -> leg, in whatever order a leg's events come. Pure.

Each field keeps the earliest or the latest that was reported, so that a repeat changes nothing and
a late event only fills in what was missing. States after RFC 4235 §3.7.1.
"""

from datetime import UTC, datetime, timedelta

from schemas.call import CallEvent
from schemas.call_record import CallLeg, CallTransfer, HoldChange, LegBridge
from schemas.vocabulary import CallKind, CallState, TransferKind

# Of a leg; the newest are kept. No phone does either so often in one call.
MAX_HOLDS = 64
MAX_BRIDGES = 64
MAX_TRANSFERS = 16
MAX_DIGIT_SEQS = 256
# A listing may be of a moment before the event that it seems to contradict: FreeSWITCH changes its
# tables some time after it sends the event.
LISTING_LAG = timedelta(seconds=2)

_OF_AN_END = ("cause", "status_code", "ended_by", "hung_up_by")
RANK = {state: rank for rank, state in enumerate(CallState)}
_TRANSFERS = {"bl_xfer": TransferKind.BLIND, "att_xfer": TransferKind.ATTENDED}


def new_leg(event: CallEvent, leg: str) -> CallLeg:
    """The leg as this event of it, the first that is read, shows it."""
    return CallLeg(
        node=event.node,
        leg=leg,
        boot=event.boot,
        call=event.call or leg,
        seq=event.seq,
        started=event.at,
        latest=event.at,
        event=event.id,
    )


def fold_leg(leg: CallLeg, event: CallEvent) -> None:
    """Apply one event of this leg. An end that was reported stays."""
    if leg.presumed and event.boot == leg.boot and leg.ended and event.at > leg.ended:
        take_back_end(leg)
    _identify(leg, event)
    match event.kind:
        case CallKind.RINGING:
            leg.ringing = earliest(leg.ringing, event.at)
        case CallKind.EARLY:
            leg.early = earliest(leg.early, event.at)
        case CallKind.ANSWERED:
            leg.answered = earliest(leg.answered, event.at)
        case CallKind.HELD | CallKind.RESUMED:
            _hold(leg, event)
        case CallKind.BRIDGED:
            _bridge(leg, event)
        case CallKind.DTMF:
            leg.digits += count_once(leg.digit_seqs, event.seq)
        case CallKind.SNAPSHOT_ROW:
            if leg.listed_at is None or event.at >= leg.listed_at:
                leg.listed, leg.listed_at = event.state, event.at
        case CallKind.ENDED:
            _end(leg, event)
    leg.state = _state(leg)


def presume_end(leg: CallLeg, cause: str, at: datetime) -> None:
    """End a live leg that no event ended."""
    leg.ended, leg.cause, leg.presumed, leg.at_risk = max(at, leg.started), cause, True, False
    leg.state = CallState.ENDED


def take_back_end(leg: CallLeg) -> None:
    """The leg lives, though its end was presumed."""
    leg.ended, leg.cause, leg.presumed = None, None, False
    leg.state = _state(leg)


def earliest(known: datetime | None, at: datetime) -> datetime:
    return at if known is None else min(known, at)


def count_once(seqs: list[int], seq: int) -> int:
    """1 for an event that is not among those counted, to which it is added; else 0.

    Where more were counted than are kept, one that is older than all kept counts as known.
    """
    if seq in seqs or (len(seqs) >= MAX_DIGIT_SEQS and seq < seqs[0]):
        return 0
    seqs.append(seq)
    seqs.sort()
    del seqs[:-MAX_DIGIT_SEQS]
    return 1


def _identify(leg: CallLeg, event: CallEvent) -> None:
    """Fill in who and which call it is; the call of the first event counts.

    A listing's rows have the place of its beginning, which is none of the leg's.
    """
    if event.kind is not CallKind.SNAPSHOT_ROW:
        leg.started = min(leg.started, event.at)
        if event.call and event.seq < leg.seq:
            leg.seq, leg.call = event.seq, event.call
    leg.aor = leg.aor or event.aor
    leg.direction = leg.direction or event.direction
    leg.sip_call_id = leg.sip_call_id or event.sip_call_id
    leg.correlation = leg.correlation or event.correlation
    leg.peer = leg.peer or event.peer
    if event.kind is not CallKind.BRIDGED:
        leg.twin = leg.twin or event.other_leg
    if event.transfer:
        _transfer(leg, event.transfer)
    if event.at >= leg.latest:
        leg.latest, leg.event = event.at, event.id


def _hold(leg: CallLeg, event: CallEvent) -> None:
    change = HoldChange(at=event.at, seq=event.seq, held=event.kind is CallKind.HELD)
    if change not in leg.holds:
        leg.holds = sorted([*leg.holds, change], key=lambda c: (c.seq, c.at))[-MAX_HOLDS:]


def _bridge(leg: CallLeg, event: CallEvent) -> None:
    if event.other_leg is None:
        return
    bridge = LegBridge(at=event.at, leg=event.other_leg)
    if bridge not in leg.bridges:
        leg.bridges = sorted([*leg.bridges, bridge], key=lambda b: (b.at, b.leg))[-MAX_BRIDGES:]


def _transfer(leg: CallLeg, source: str) -> None:
    """`EPOCH:ID:KIND:TARGET` (FreeSWITCH's switch_ivr_session_transfer, sofia_handle_sip_i_refer).

    Other kinds are bridges by an application, which are no transfers.
    """
    epoch, _, rest = source.partition(":")
    _, _, rest = rest.partition(":")
    name, _, target = rest.partition(":")
    kind = _TRANSFERS.get(name)
    if kind is None or not epoch.isdecimal() or len(epoch) > 10:
        return
    at = datetime.fromtimestamp(int(epoch), UTC)
    transfer = CallTransfer(at=at, kind=kind, leg=leg.leg, target=target or None)
    if transfer not in leg.transfers:
        found = sorted([*leg.transfers, transfer], key=lambda t: (t.at, t.target or ""))
        leg.transfers = found[-MAX_TRANSFERS:]


def _end(leg: CallLeg, event: CallEvent) -> None:
    """Of two reported ends the first counts; each may have what the other one lacks."""
    if leg.ended is None or leg.presumed:
        leg.ended, leg.presumed, leg.at_risk = event.at, False, False
        leg.cause, leg.status_code = event.cause, event.status_code
        leg.ended_by, leg.hung_up_by = event.ended_by, event.hung_up_by
        return
    is_first = event.at < leg.ended
    leg.ended = min(leg.ended, event.at)
    for name in _OF_AN_END:
        known, reported = getattr(leg, name), getattr(event, name)
        setattr(leg, name, reported or known if is_first else known or reported)


def _state(leg: CallLeg) -> CallState:
    if leg.ended is not None:
        return CallState.ENDED
    reported, since = _reported(leg)
    if leg.listed is None or leg.listed_at is None or leg.listed is CallState.ENDED:
        return reported
    if RANK[leg.listed] > RANK[reported] and reported is not CallState.ANSWERED:
        return leg.listed
    is_swap = {leg.listed, reported} == {CallState.ANSWERED, CallState.HELD}
    return leg.listed if is_swap and leg.listed_at > since + LISTING_LAG else reported


def _reported(leg: CallLeg) -> tuple[CallState, datetime]:
    """The state by the leg's events, and since when at least."""
    if leg.holds and leg.holds[-1].held:
        return CallState.HELD, leg.holds[-1].at
    if leg.holds:
        return CallState.ANSWERED, leg.holds[-1].at
    for state, at in (
        (CallState.ANSWERED, leg.answered),
        (CallState.EARLY, leg.early),
        (CallState.RINGING, leg.ringing),
    ):
        if at is not None:
            return state, at
    return CallState.TRYING, leg.started
