"""rollcall.calls: what happens to the legs of calls, by the user of each leg."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Aor, Event, Identifier, Text
from schemas.vocabulary import CallKind, CallState, Direction, HungUpBy, LegEndedBy


@dataclass(config=RECORD, slots=True, kw_only=True)
class CallEvent(Event):
    """One thing that happened to one leg, or one mark of a listing of legs (as registrations')."""

    kind: CallKind
    aor: Annotated[Aor | None, Field(description="The leg's user; null for trunks and apps.")] = (
        None
    )
    leg: Annotated[
        Identifier | None, Field(description="Leg identity on its node (channel UUID).")
    ] = None
    call: Annotated[
        Identifier | None,
        Field(description="Identity of the whole call: the first leg's. Trust the first event's."),
    ] = None
    sip_call_id: Annotated[Text | None, Field(description="SIP Call-ID of the leg's dialog.")] = (
        None
    )
    direction: Annotated[Direction | None, Field(description="Of the leg, seen from its user.")] = (
        None
    )
    peer: Annotated[Text | None, Field(description="The other party as the source names it.")] = (
        None
    )
    other_leg: Annotated[
        Identifier | None,
        Field(description="BRIDGED: the leg it is connected to. Else its other half (loopback)."),
    ] = None
    correlation: Annotated[
        Text | None,
        Field(description="What the servers of one call share beside Call-IDs: docs/calls.md."),
    ] = None
    transfer: Annotated[
        Text | None,
        Field(
            description="The leg's last transfer as the server names it (FreeSWITCH: "
            "`transfer_source`: epoch, id, bl_xfer or att_xfer, target; separated by colons)."
        ),
    ] = None
    ended_by: Annotated[
        LegEndedBy | None, Field(description="ENDED: which end of the leg ended it.")
    ] = None
    hung_up_by: Annotated[
        HungUpBy | None,
        Field(description="ENDED, of a dialog that a proxy saw: which side of it ended it."),
    ] = None
    state: Annotated[CallState | None, Field(description="SNAPSHOT_ROW only.")] = None
    cause: Annotated[Identifier | None, Field(description="ENDED: the server's hangup cause.")] = (
        None
    )
    status_code: Annotated[
        Annotated[int, Field(ge=100, le=699)] | None,
        Field(description="ENDED: the SIP status, where there was one."),
    ] = None
    digit: Annotated[
        Annotated[str, Field(max_length=1)] | None, Field(description="DTMF, published in clear.")
    ] = None
    duration_ms: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Field(description="Of the digit, or of the answered call, in milliseconds."),
    ] = None
    snapshot: Annotated[
        Identifier | None, Field(description="Id of the snapshot that marks and rows belong to.")
    ] = None
