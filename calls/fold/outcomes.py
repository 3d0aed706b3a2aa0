"""What became of a call, by its legs, the first one first: the callee, cause, transfers. Pure."""

from schemas.call_record import CallLeg, CallPickUp, CallTransfer
from schemas.origin import Aor
from schemas.vocabulary import Direction, HungUpBy, LegEndedBy, TransferKind

# FreeSWITCH's hangup causes (switch_types.h), which name what happened to the leg.
_TRANSFERRED = {
    "BLIND_TRANSFER": TransferKind.BLIND,
    "ATTENDED_TRANSFER": TransferKind.ATTENDED,
}
_PICKED_UP = "PICKED_OFF"


def offered(legs: list[CallLeg]) -> list[CallLeg]:
    """The legs to called clients and trunks: of several views of one dialog only one.

    A proxy's own view of the caller's dialog is no offer where the leg behind it is known.
    """
    found: dict[str, CallLeg] = {}
    for leg in legs:
        if leg.direction is not Direction.INCOMING:
            continue
        key = leg.sip_call_id or f"{leg.node}/{leg.leg}"
        if key not in found or (found[key].answered is None and leg.answered is not None):
            found[key] = leg
    if len(found) > 1 and legs[0].direction is Direction.OUTGOING:
        found.pop(legs[0].sip_call_id or "", None)
    return list(found.values())


def callee(incoming: list[CallLeg]) -> Aor | None:
    """The user who answered first; else the only user it was offered to."""
    answered = [leg for leg in incoming if leg.answered and leg.aor]
    if answered:
        return min(answered, key=lambda leg: leg.answered or leg.started).aor
    users = {leg.aor for leg in incoming if leg.aor}
    return users.pop() if len(users) == 1 else None


def cause(legs: list[CallLeg]) -> str | None:
    """The first leg's; where its node reports none, that of the next leg. Presumed ones last."""
    causes = sorted((leg for leg in legs if leg.cause), key=lambda leg: leg.presumed)
    return causes[0].cause if causes else None


def status_code(legs: list[CallLeg]) -> int | None:
    """The first leg's, by any node that saw its dialog."""
    dialog = legs[0].sip_call_id
    codes = (
        leg.status_code
        for leg in legs
        if leg is legs[0] or (dialog is not None and leg.sip_call_id == dialog)
    )
    return next((code for code in codes if code), None)


def hung_up_by(legs: list[CallLeg]) -> HungUpBy | None:
    """Who ended the call; None where no node reports it.

    A server at the end of a dialog knows whether it ended that itself; a proxy only sees from which
    side the end came.
    """
    counted = [leg for leg in legs if leg.answered] if any(leg.answered for leg in legs) else legs
    return _by_ends(counted, legs[0]) or _by_sides(counted)


def _by_ends(counted: list[CallLeg], first_leg: CallLeg) -> HungUpBy | None:
    """Whose end came from the client; None where no node is at the end of a leg."""
    parties = [leg for leg in counted if leg.ended_by is LegEndedBy.PARTY and leg.ended]
    if parties:
        first = min(parties, key=lambda leg: (leg.ended or leg.started, leg is not first_leg))
        if _is_proxys(first, counted):
            return HungUpBy.SERVER
        is_callee = first.direction is Direction.INCOMING
        return HungUpBy.CALLEE if is_callee else HungUpBy.CALLER
    is_known = any(leg.ended_by for leg in counted)
    return HungUpBy.SERVER if is_known else None


def _is_proxys(leg: CallLeg, counted: list[CallLeg]) -> bool:
    """Whether a proxy on the way to the client ended the leg's dialog itself."""
    return leg.sip_call_id is not None and any(
        other.sip_call_id == leg.sip_call_id and other.hung_up_by is HungUpBy.SERVER
        for other in counted
    )


def _by_sides(counted: list[CallLeg]) -> HungUpBy | None:
    """The side of the dialog that ended last: one that was tried before may have failed."""
    known = [leg for leg in counted if leg.hung_up_by and leg.ended]
    if not known:
        return None
    sides = {leg.hung_up_by for leg in known if leg.answered}
    if sides == {HungUpBy.CALLER, HungUpBy.CALLEE}:
        return HungUpBy.SERVER  # the server between two dialogs has ended both
    return max(known, key=lambda leg: leg.ended or leg.started).hung_up_by


def transfers(legs: list[CallLeg]) -> list[CallTransfer]:
    """Each once: named by the leg that was connected anew, or only by the transferer's end."""
    ends = [leg for leg in legs if leg.cause in _TRANSFERRED and leg.ended]
    found: list[CallTransfer] = []
    for transfer in (t for leg in legs for t in leg.transfers):
        same = [end for end in ends if _TRANSFERRED[end.cause or ""] is transfer.kind and end.aor]
        by = transfer.by or (same[0].aor if same else None)
        found.append(
            CallTransfer(
                at=transfer.at,
                kind=transfer.kind,
                leg=transfer.leg,
                target=transfer.target,
                by=by,
            )
        )
    named = {transfer.kind for transfer in found}
    for kind in TransferKind:
        unnamed = [end for end in ends if _TRANSFERRED[end.cause or ""] is kind]
        if unnamed and kind not in named:
            end = min(unnamed, key=lambda leg: leg.ended or leg.started)
            found.append(CallTransfer(at=end.ended or end.started, kind=kind, by=end.aor))
    return sorted(found, key=lambda transfer: (transfer.at, transfer.target or ""))


def pick_up(legs: list[CallLeg]) -> CallPickUp | None:
    """Who took the call from the phone that it rang, which its server ended as picked up."""
    rang = next((leg for leg in legs if leg.cause == _PICKED_UP and leg.ended), None)
    if rang is None or rang.ended is None:
        return None
    takers = [
        leg
        for leg in legs
        if leg.direction is Direction.OUTGOING and leg.answered and leg.started >= rang.started
    ]
    by = min(takers, key=lambda leg: leg.started).aor if takers else None
    return CallPickUp(at=rang.ended, by=by, rang=rang.aor)
