"""CHANNEL_* and DTMF → calls: what happens to each leg, under the leg's user.

Pure but for the context's memory of legs.
"""

import re
from typing import Any

from producers.event_fields import TEXT_MAX
from producers.freeswitch.callers import caller, pair, presence_user
from producers.freeswitch.context import Context, LegIdentity
from producers.freeswitch.event import SwitchEvent
from producers.translated import Translated
from schemas.call import CallEvent
from schemas.codec import InvalidRecord, build
from schemas.topics import CALLS
from schemas.vocabulary import CallKind, Direction, LegEndedBy

# Not needed: CHANNEL_OUTGOING comes twice a bridged leg, CHANNEL_HANGUP before its cause is final,
# CHANNEL_STATE and _CALLSTATE are internal to the switch.
KINDS = {
    "CHANNEL_CREATE": CallKind.TRYING,
    "CHANNEL_PROGRESS": CallKind.RINGING,
    "CHANNEL_PROGRESS_MEDIA": CallKind.EARLY,
    "CHANNEL_ANSWER": CallKind.ANSWERED,
    "CHANNEL_HOLD": CallKind.HELD,
    "CHANNEL_UNHOLD": CallKind.RESUMED,
    "CHANNEL_BRIDGE": CallKind.BRIDGED,
    "CHANNEL_HANGUP_COMPLETE": CallKind.ENDED,
}
# Call-Direction is the switch's side: inbound is a call the user makes.
DIRECTIONS = {"inbound": Direction.OUTGOING, "outbound": Direction.INCOMING}
# Where the SIP status of a leg's end may stand, best first.
_STATUS_HEADERS = (
    "variable_sip_term_status",
    "variable_sip_invite_failure_status",
    "variable_proto_specific_hangup_cause",
    "variable_last_bridge_proto_specific_hangup_cause",
)
# A loopback call has two legs, of which each knows the other one (mod_loopback.c).
_LOOPBACK = "variable_other_loopback_leg_uuid"
# What mod_sofia and mod_verto note of a leg's end: `recv_bye`, `send_cancel`, `recv_refuse`, …
_DISPOSITIONS = ("variable_sip_hangup_disposition", "variable_verto_hangup_disposition")
# The header that the servers of a call hand on, as mod_sofia stores what it received, or would send
# on an outgoing leg.
CORRELATION = "variable_sip_h_X-Rollcall-Call"
_STATUS = re.compile(r"(?:sips?:)?([1-6][0-9]{2})").fullmatch
_CLOCK_HZ = 8000  # DTMF-Duration counts samples of this clock, whatever the codec


def translate(event: SwitchEvent, context: Context) -> list[Translated]:
    """One step of a leg."""
    kind = KINDS[event.name]
    leg = event.required("Unique-ID")
    identity = identify(event, context, leg)
    other = "Other-Leg-Unique-ID" if kind is CallKind.BRIDGED else _LOOPBACK
    fields: dict[str, Any] = {"other_leg": event.identifier(other)}
    if kind is CallKind.ENDED:
        fields |= _end(event)
    records = _record(event, context, kind, leg, identity, **fields)
    if kind is CallKind.ENDED:
        context.legs.pop(leg, None)
    return records


def translate_digit(event: SwitchEvent, context: Context) -> list[Translated]:
    """A digit an application took from the leg; its value only where the settings name a use."""
    leg = event.required("Unique-ID")
    samples = event.number("DTMF-Duration")
    digit = event.required("DTMF-Digit")
    if len(digit) != 1:
        raise InvalidRecord("DTMF-Digit", "not one digit")
    return _record(
        event,
        context,
        CallKind.DTMF,
        leg,
        identify(event, context, leg),
        digit=digit if context.digits_in_clear else None,
        duration_ms=samples * 1000 // _CLOCK_HZ if samples is not None else None,
    )


def _record(
    event: SwitchEvent,
    context: Context,
    kind: CallKind,
    leg: str,
    identity: LegIdentity,
    **fields: Any,
) -> list[Translated]:
    record = build(
        CallEvent,
        **context.origin(event),
        kind=kind,
        aor=identity.aor,
        leg=leg,
        call=identity.call,
        sip_call_id=event.identifier("variable_sip_call_id", TEXT_MAX),
        direction=identity.direction,
        peer=identity.peer,
        correlation=event.identifier(CORRELATION, TEXT_MAX),
        transfer=event.identifier("variable_transfer_source", TEXT_MAX),
        **fields,
    )
    return [Translated(CALLS, identity.aor or leg, record)]


def identify(event: SwitchEvent, context: Context, leg: str) -> LegIdentity:
    """The user and call of a leg, by the first event of it. Raises InvalidRecord."""
    known = context.legs.get(leg)
    if known is not None:
        return known
    identity = read_identity(event, context, leg)
    context.remember(leg, identity)
    return identity


def read_identity(event: SwitchEvent, context: Context, leg: str) -> LegIdentity:
    """The user and call of a leg, by one event (or `uuid_dump`) of it. Raises InvalidRecord."""
    direction = DIRECTIONS.get(event.text("Call-Direction") or "")
    incoming = direction is Direction.INCOMING
    return LegIdentity(
        aor=_user(event, context, incoming=incoming),
        call=event.identifier("Channel-Call-UUID") or leg,
        direction=direction,
        peer=event.text("Caller-Caller-ID-Number" if incoming else "Caller-Destination-Number"),
    )


def _user(event: SwitchEvent, context: Context, *, incoming: bool) -> str | None:
    """The leg's user; None for trunks, loopbacks, applications and strangers."""
    if not is_endpoint(event.text("Channel-Name") or "") or _is_trunk(event):
        return None
    if not incoming:
        return caller(event, context)
    dialed = pair(event, "variable_dialed_user", "variable_dialed_domain")
    present = presence_user(event.identifier("Channel-Presence-ID", TEXT_MAX))
    # Only in CHANNEL_CREATE dialed_user surely is this leg's user; later the leg may dial on.
    return dialed or present if event.name == "CHANNEL_CREATE" else present or dialed


def _is_trunk(event: SwitchEvent) -> bool:
    """Whether the leg runs over a gateway: the names it carries are strangers'."""
    return bool(event.raw("variable_sip_gateway") or event.raw("variable_sip_gateway_name"))


def is_endpoint(channel_name: str) -> bool:
    """Whether a channel has a SIP or Verto client at its end (`loopback/…` has not)."""
    kind, _, rest = channel_name.partition("/")
    return kind in ("sofia", "verto.rtc") and not rest.startswith("gateway/")


def _end(event: SwitchEvent) -> dict[str, Any]:
    return {
        "cause": event.identifier("Hangup-Cause"),
        "status_code": _status(event),
        "duration_ms": _talked(event),
        "ended_by": _ended_by(event),
    }


def _ended_by(event: SwitchEvent) -> LegEndedBy | None:
    """Which end of the leg sent the BYE, the CANCEL or the refusal."""
    noted = next((text for name in _DISPOSITIONS if (text := event.text(name))), "")
    if noted.startswith("recv_"):
        return LegEndedBy.PARTY
    return LegEndedBy.SERVER if noted.startswith("send_") else None


def _status(event: SwitchEvent) -> int | None:
    for header in _STATUS_HEADERS:
        match = _STATUS(event.text(header) or "")
        if match:
            return int(match[1])
    return None


def _talked(event: SwitchEvent) -> int | None:
    """Milliseconds from answer to hangup; None when the leg was never answered."""
    answered = event.number("Caller-Channel-Answered-Time")
    ended = event.number("Caller-Channel-Hangup-Time")
    if not answered or not ended or ended < answered:
        return None
    return (ended - answered) // 1000
