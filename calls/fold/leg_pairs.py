"""Which reports of legs belong together: an event and a leg, two calls, both ends of a dialog."""

from calls.fold.call import Call
from calls.fold.leg import presume_end
from schemas.call import CallEvent
from schemas.call_record import CallLeg
from schemas.vocabulary import CallKind

DIALOG_ENDED = "dialog-ended"


def begins_again(leg: CallLeg | None, event: CallEvent) -> bool:
    """Whether a leg's id is used again, for another leg: its end was reported before it begins."""
    return (
        event.kind is CallKind.TRYING
        and leg is not None
        and leg.ended is not None
        and not leg.presumed
        and event.at > leg.ended
    )


def share_a_leg(one: Call, other: Call) -> bool:
    """Whether a leg of both is the same one, and not only of the same id."""
    return any(
        key in one.legs and one.legs[key].started == leg.started for key, leg in other.legs.items()
    )


def end_views(call: Call) -> None:
    """End a leg of a dialog whose other end was reported by another node: the proxy between lost
    the end. Only of answered dialogs: an INVITE that was forked may go on elsewhere."""
    if len({node for node, _ in call.legs}) == 1:
        return
    ended = {
        leg.sip_call_id: leg
        for leg in call.legs.values()
        if leg.answered and leg.ended and not leg.presumed and leg.sip_call_id
    }
    for leg in call.legs.values():
        other = ended.get(leg.sip_call_id or "")
        if leg.ended is None and other is not None and other.node != leg.node and other.ended:
            presume_end(leg, DIALOG_ENDED, other.ended)
