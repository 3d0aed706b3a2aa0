"""rollcall.call-records: one record a call, of all its legs, on whatever nodes; compacted."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.origin import Aor, Identifier, Text
from schemas.vocabulary import (
    CallState,
    Direction,
    HungUpBy,
    LegEndedBy,
    Source,
    SpeechResource,
    TransferKind,
)

_Count = Annotated[int, Field(ge=0)]


@dataclass(slots=True, kw_only=True)
class HoldChange:
    """One change of a leg's hold."""

    at: datetime
    seq: Annotated[int, Field(ge=0, description="Source sequence of the event.")]
    held: Annotated[bool, Field(description="False: taken off hold.")]


@dataclass(slots=True, kw_only=True)
class LegBridge:
    """One connection of a leg with another one."""

    at: datetime
    leg: Annotated[Identifier, Field(description="The other leg.")]


@dataclass(slots=True, kw_only=True)
class CallTransfer:
    """One transfer of a call."""

    at: datetime
    kind: TransferKind
    leg: Annotated[Identifier | None, Field(description="The leg that was connected anew.")] = None
    target: Annotated[
        Text | None, Field(description="Where to, as the server names it; null: not reported.")
    ] = None
    by: Annotated[Aor | None, Field(description="Who transferred, where known.")] = None


@dataclass(slots=True, kw_only=True)
class CallPickUp:
    """A ringing call that another phone took."""

    at: datetime
    by: Annotated[Aor | None, Field(description="Who took it, where known.")] = None
    rang: Annotated[Aor | None, Field(description="Whom it had rung.")] = None


@dataclass(slots=True, kw_only=True)
class CallMedia:
    """What one media proxy measured of one dialog: the worst of its parties' figures."""

    node: Annotated[Identifier, Field(description="The media proxy.")]
    call_id: Annotated[Text, Field(description="SIP Call-ID of the dialog.")]
    at: Annotated[
        datetime | None, Field(description="Of the last figures, by the media proxy's clock.")
    ] = None
    mos: Annotated[float | None, Field(description="Lowest mean opinion score, 1.0 to 5.0.")] = None
    loss_percent: Annotated[float | None, Field(description="Highest packet loss, percent.")] = None
    jitter_ms: Annotated[float | None, Field(description="Highest jitter, milliseconds.")] = None
    round_trip_ms: Annotated[float | None, Field(description="Longest, milliseconds.")] = None
    timed_out: Annotated[
        bool, Field(description="The media proxy gave the call up: no media came any more.")
    ] = False
    digits: Annotated[_Count, Field(description="How many it saw; never which.")] = 0
    digit_seqs: Annotated[
        list[int], Field(description="Source sequences of those, so that none counts twice.")
    ] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class CallSpeechRequest:
    """One request of a speech session as its MRCP server logged it; times are of its own clock."""

    session: Annotated[Identifier, Field(description="`session` in rollcall.speech.")]
    node: Annotated[Identifier, Field(description="The MRCP server.")]
    channel: Annotated[Identifier | None, Field(description="MRCP channel.")] = None
    started: datetime
    input_started: datetime | None = None
    result: datetime | None = None
    ended: datetime | None = None
    cause: Identifier | None = None
    latency: float | None = None
    seq: Annotated[int, Field(ge=0, description="Source sequence of its last event.")] = 0


@dataclass(slots=True, kw_only=True)
class CallSpeech:
    """One speech session of a call, by its last event: a switch's, with what the MRCP server logged
    of it; or one request of a server alone, where the switch has reported no session of it."""

    session: Annotated[Identifier, Field(description="`session` in rollcall.speech.")]
    source: Source = Source.FREESWITCH
    node: Identifier
    leg: Identifier
    kind: SpeechResource
    aor: Aor | None = None
    engine: Identifier | None = None
    server: Identifier | None = None
    started: datetime
    input_started: datetime | None = None
    result: Annotated[datetime | None, Field(description="When the latest result came.")] = None
    results: _Count = 0
    ended: datetime | None = None
    cause: Identifier | None = None
    latency: Annotated[
        float | None, Field(description="Seconds from the start of input to the latest result.")
    ] = None
    channel: Annotated[Identifier | None, Field(description="MRCP channel, of a server's own.")] = (
        None
    )
    seq: Annotated[int, Field(ge=0, description="Source sequence of its last event.")] = 0
    requests: Annotated[
        list[CallSpeechRequest],
        Field(
            description="Those of the MRCP server: `latency` is of the last one with a result, and "
            "so is what the switch did not report."
        ),
    ] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class CallLeg:
    """One leg: one node's view of one party of the call. Times are of its node's clock."""

    node: Identifier
    leg: Annotated[Identifier, Field(description="`leg` in rollcall.calls.")]
    boot: Annotated[Identifier, Field(description="The run of the node's process.")]
    call: Annotated[Identifier, Field(description="`call` of the leg's first event.")]
    seq: Annotated[int, Field(ge=0, description="Source sequence of the leg's first event.")]
    aor: Annotated[Aor | None, Field(description="The leg's user; null for trunks and apps.")] = (
        None
    )
    direction: Annotated[Direction | None, Field(description="Seen from the user.")] = None
    sip_call_id: Text | None = None
    correlation: Annotated[
        Text | None, Field(description="What the servers of one call share: docs/calls.md.")
    ] = None
    twin: Annotated[Identifier | None, Field(description="The other half of a loopback leg.")] = (
        None
    )
    peer: Annotated[Text | None, Field(description="The other party as the source names it.")] = (
        None
    )
    state: CallState = CallState.TRYING
    started: datetime
    ringing: datetime | None = None
    early: Annotated[datetime | None, Field(description="Since when early media was played.")] = (
        None
    )
    answered: datetime | None = None
    ended: datetime | None = None
    presumed: Annotated[
        bool,
        Field(description="No event reported the end: an event after it takes it back."),
    ] = False
    cause: Annotated[
        Identifier | None,
        Field(
            description="The server's hangup cause; of a presumed end `node-lost`, "
            "`missing-from-snapshot`, `dialog-ended` (at the node at its other end) or `end-lost` "
            "(no event of the call for too long)."
        ),
    ] = None
    status_code: int | None = None
    ended_by: LegEndedBy | None = None
    hung_up_by: Annotated[
        HungUpBy | None, Field(description="Of a proxy: which side of the leg's dialog ended it.")
    ] = None
    holds: list[HoldChange] = field(default_factory=list)
    bridges: list[LegBridge] = field(default_factory=list)
    transfers: list[CallTransfer] = field(default_factory=list)
    digits: Annotated[_Count, Field(description="How many an application read.")] = 0
    digit_seqs: Annotated[
        list[int], Field(description="Source sequences of those, so that none counts twice.")
    ] = field(default_factory=list)
    at_risk: Annotated[
        bool,
        Field(description="Its user's connection or media is lost, and no end was reported."),
    ] = False
    listed: Annotated[CallState | None, Field(description="As its node last listed it.")] = None
    listed_at: datetime | None = None
    latest: Annotated[datetime, Field(description="Of the leg's last event.")]
    event: Annotated[Identifier, Field(description="Id of that event.")]


@dataclass(slots=True, kw_only=True)
class CallRecord:
    """One call as far as it has gone. Of two records of one id the higher version is right."""

    id: Annotated[Identifier, Field(description="Of the call; the record's key.")]
    version: Annotated[int, Field(ge=1, description="Only grows, per id.")]
    merged_into: Annotated[
        Identifier | None,
        Field(description="Turned out to be a part of that call: drop this one."),
    ] = None
    call_id: Annotated[Text | None, Field(description="SIP Call-ID of the first leg.")] = None
    call: Annotated[Identifier, Field(description="`call` of the first leg.")]
    node: Annotated[Identifier, Field(description="Node of the first leg.")]
    nodes: Annotated[list[Identifier], Field(description="All nodes passed, the first first.")]
    users: Annotated[list[Aor], Field(description="In the order of their legs, the caller first.")]
    joined: Annotated[
        list[Aor],
        Field(description="Users connected to it later: by a transfer, a pick-up or a queue."),
    ] = field(default_factory=list)
    caller: Aor | None = None
    callee: Annotated[
        Aor | None,
        Field(description="Who answered or picked it up; else the only one it was offered to."),
    ] = None
    dialled: Annotated[Text | None, Field(description="As the first node names it.")] = None
    state: CallState
    started: datetime
    ringing: datetime | None = None
    early: datetime | None = None
    answered: datetime | None = None
    ended: Annotated[datetime | None, Field(description="Once every leg has ended.")] = None
    cause: Annotated[Identifier | None, Field(description="Of the first leg's end.")] = None
    status_code: Annotated[int | None, Field(description="SIP status of the first leg.")] = None
    hung_up_by: HungUpBy | None = None
    at_risk: Annotated[bool, Field(description="That of a live leg.")] = False
    holds: Annotated[_Count, Field(description="How often it was put on hold.")] = 0
    forks: Annotated[_Count, Field(description="To how many clients or trunks it was offered.")] = 0
    transfers: list[CallTransfer] = field(default_factory=list)
    pick_up: CallPickUp | None = None
    digits: Annotated[_Count, Field(description="How many were seen; never which.")] = 0
    media: list[CallMedia] = field(default_factory=list)
    legs: list[CallLeg] = field(default_factory=list)
    speech: list[CallSpeech] = field(default_factory=list)
