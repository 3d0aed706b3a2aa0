"""Legs -> the call's record: who called whom, what became of it, and where it passed. Pure."""

from collections.abc import Iterable
from datetime import datetime

from calls.fold import outcomes
from calls.fold.call import Call
from calls.fold.joining import placed_identifiers
from calls.fold.leg import RANK
from calls.fold.speech_sources import join
from schemas.call_record import CallLeg, CallRecord
from schemas.vocabulary import CallState, Direction

_ORDER = {Direction.OUTGOING: 0, None: 1, Direction.INCOMING: 2}


def summarise(call: Call) -> CallRecord:
    """The record of a call that has a leg; its version is the call's."""
    legs = in_order(call.legs.values())
    own = placed(legs)
    first, incoming, taken = legs[0], outcomes.offered(own), outcomes.pick_up(legs)
    users = list(dict.fromkeys(leg.aor for leg in own if leg.aor))
    live = [leg.state for leg in legs if leg.ended is None]
    answered = first.answered or _earliest(leg.answered for leg in legs)
    return CallRecord(
        id=call.id,
        version=call.version,
        call_id=first.sip_call_id,
        call=first.call,
        node=first.node,
        nodes=list(dict.fromkeys(leg.node for leg in legs)),
        users=users,
        joined=list(dict.fromkeys(leg.aor for leg in legs if leg.aor and leg.aor not in users)),
        caller=first.aor if first.direction is Direction.OUTGOING else None,
        callee=(taken.by if taken else None) or outcomes.callee(incoming),
        dialled=first.peer if first.direction is Direction.OUTGOING else None,
        state=max(live, key=RANK.__getitem__) if live else CallState.ENDED,
        started=min(leg.started for leg in legs),
        ringing=_earliest(leg.ringing for leg in legs),
        early=_earliest(leg.early for leg in legs),
        answered=answered,
        ended=None if live else max(leg.ended for leg in legs if leg.ended),
        cause=outcomes.cause(legs),
        status_code=outcomes.status_code(legs),
        hung_up_by=None if live else outcomes.hung_up_by(legs),
        at_risk=any(leg.at_risk for leg in legs if leg.ended is None),
        holds=max(sum(change.held for change in leg.holds) for leg in legs),
        forks=len(incoming),
        transfers=outcomes.transfers(legs),
        pick_up=taken,
        digits=max(_digits(legs), sum(media.digits for media in call.media.values())),
        media=sorted(call.media.values(), key=lambda m: (m.node, m.call_id)),
        legs=legs,
        speech=sorted(join(call.speech.values()), key=lambda s: (s.started, s.session)),
    )


def in_order(legs: Iterable[CallLeg]) -> list[CallLeg]:
    """The first leg first, which is the caller's where a user calls; then as they began."""
    found = sorted(legs, key=lambda leg: (leg.started, leg.node, leg.seq, leg.leg))
    first = min(found, key=lambda leg: (_ORDER[leg.direction], leg.leg != leg.call))
    return [first, *(leg for leg in found if leg is not first)]


def placed(legs: list[CallLeg]) -> list[CallLeg]:
    """The first leg and those that hang together with it from their beginning: what the caller
    called. Others were connected to it later."""
    found, left = [legs[0]], legs[1:]
    known = set(placed_identifiers(legs[0]))
    while more := [leg for leg in left if not known.isdisjoint(placed_identifiers(leg))]:
        known.update(name for leg in more for name in placed_identifiers(leg))
        found += more
        left = [leg for leg in left if leg not in more]
    return [leg for leg in legs if leg in found]


def _digits(legs: list[CallLeg]) -> int:
    """Those of the node that saw most: each of them may have seen the same ones."""
    nodes: dict[str, int] = {}
    for leg in legs:
        nodes[leg.node] = nodes.get(leg.node, 0) + leg.digits
    return max(nodes.values())


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((at for at in times if at is not None), default=None)
