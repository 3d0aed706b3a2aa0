"""rollcall.calls: what happens to the legs of calls, by the user of each leg."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Aor, Event, Text, Word
from schemas.vocabulary import CallKind, CallState, Direction


@dataclass(config=RECORD, slots=True, kw_only=True)
class CallEvent(Event):
    """One thing that happened to one leg, or one mark of a listing of legs (as registrations')."""

    kind: CallKind
    aor: Annotated[Aor | None, Field(description="The leg's user; null for trunks and apps.")] = (
        None
    )
    leg: Annotated[Word | None, Field(description="Leg identity on its node (channel UUID).")] = (
        None
    )
    call: Annotated[
        Word | None,
        Field(description="Identity of the whole call: the first leg's. Trust the first event's."),
    ] = None
    sip_call_id: Text | None = None
    direction: Direction | None = None
    peer: Annotated[Text | None, Field(description="The other party as the source names it.")] = (
        None
    )
    other_leg: Word | None = None
    state: Annotated[CallState | None, Field(description="SNAPSHOT_ROW only.")] = None
    cause: Annotated[Word | None, Field(description="ENDED: the server's hangup cause.")] = None
    status_code: Annotated[int, Field(ge=100, le=699)] | None = None
    digit: Annotated[str, Field(max_length=1)] | None = None
    duration_ms: Annotated[int, Field(ge=0)] | None = None
    snapshot: Word | None = None
