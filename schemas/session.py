"""rollcall.sessions: everything known of one user. The topic is the session table's changelog."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.origin import Address, Aor, Identifier, Text
from schemas.presence import Presence
from schemas.vocabulary import (
    CallState,
    Cause,
    ContactForm,
    Direction,
    Source,
    Status,
    Transport,
)


@dataclass(slots=True, kw_only=True)
class EdgeConnection:
    """The client's connection at an edge that did not report the REGISTER itself, as listed."""

    node: Identifier
    boot: Identifier
    at: Annotated[datetime, Field(description="Of that listing, by the edge's clock.")]
    seq: Annotated[
        int, Field(description="Of that listing: an end before it is another connection's.")
    ] = 0
    cookie: int | None = None


@dataclass(slots=True, kw_only=True)
class Binding:
    """A live binding: AOR at a contact on a node (RFC 3261 §10)."""

    node: Identifier
    boot: Identifier
    source: Source
    registrar: Identifier | None = None
    contact: Text
    contact_form: ContactForm | None = None
    call_id: Text | None = None
    cseq: int | None = None
    transport: Transport | None = None
    remote: Address | None = None
    cookie: int | None = None
    transport_claimed: Annotated[
        bool, Field(description="The transport is the Contact's claim: there was no connection.")
    ] = False
    path: Text | None = None
    received: Address | None = None
    user_agent: Text | None = None
    since: Annotated[datetime, Field(description="When it began, by its node's clock.")]
    confirmed_at: Annotated[
        datetime, Field(description="When it was last confirmed, by its node's clock.")
    ]
    registered_at: Annotated[
        datetime | None,
        Field(description="Of the last REGISTER that was reported, where one was; listings apart."),
    ] = None
    seq: Annotated[int, Field(description="Of the last event that confirmed it.")]
    connected_at: Annotated[
        datetime | None,
        Field(description="When its connection was first reported, if that was after it began."),
    ] = None
    expires_at: datetime | None = None
    event: Annotated[Identifier, Field(description="Id of the last event that confirmed it.")]
    opened_by: Annotated[Identifier, Field(description="Id of the event that created it.")]
    ping_lost: Annotated[
        bool, Field(description="It no longer answers OPTIONS: kept, but not reachable.")
    ] = False
    ping_seq: int = 0
    edge_lost: Annotated[
        bool, Field(description="Its edge's binding ended: kept as listed, but not reachable.")
    ] = False
    registrar_lost: Annotated[
        bool,
        Field(
            description="At an edge: the registrar behind it ended, and its binding there. Nobody "
            "is reached through the edge alone."
        ),
    ] = False
    node_lost: Annotated[
        bool, Field(description="Its node's lease ran out: kept, but not reachable.")
    ] = False
    edge_uncertain: Annotated[
        bool,
        Field(
            description="Behind an edge: registered while the reports of an edge are missing, and "
            "nothing shows whether its client is still connected. Shown as stale."
        ),
    ] = False
    edge_connection: Annotated[
        EdgeConnection | None,
        Field(
            description="Behind an edge: where a listing of an edge's connections showed its "
            "client's (`received`) alive."
        ),
    ] = None
    suspect: Annotated[
        bool, Field(description="Its connection's peer stopped acknowledging: still reachable.")
    ] = False
    closing: Annotated[
        Identifier | None,
        Field(
            description="Id of its registrar's event that its connection closed: the kernel's and "
            "a listing are awaited."
        ),
    ] = None
    moved_from: Annotated[
        Identifier | None,
        Field(
            description="The registrar it was at before: of registrars that share one table, the "
            "one whose listing may still show it."
        ),
    ] = None
    stale: Annotated[bool, Field(description="Its node is uncertain: see NodeState.")] = False
    owned_at: Annotated[
        datetime | None, Field(description="When its connection's owner was last announced.")
    ] = None


@dataclass(slots=True, kw_only=True)
class EndedBinding:
    """A tombstone: no event older than it revives the binding."""

    node: Identifier
    boot: Identifier
    seq: int
    at: datetime
    cause: Cause
    event: Identifier
    call_id: Text | None = None
    inferred: bool = False
    connection_gone: Annotated[
        bool,
        Field(description="Its connection is known to be gone: no listing revives the binding."),
    ] = False
    remainder: Annotated[
        bool,
        Field(description="At an edge: it ended with the registrar's. No listing revives it."),
    ] = False
    source: Source | None = None
    registrar: Identifier | None = None
    remote: Address | None = None
    path: Text | None = None
    cookie: Annotated[int | None, Field(description="Of the connection it was last on.")] = None
    expires_at: Annotated[
        datetime | None,
        Field(
            description="Of a binding on a connection to its registrar: a listed row with the same "
            "expiry is older than the end."
        ),
    ] = None
    last_boot: Annotated[Identifier | None, Field(description="Of its last confirmation.")] = None
    last_seq: int = 0
    last_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class LegMedia:
    """What a media proxy measures of a leg's call: the worst of its parties' figures."""

    at: Annotated[datetime, Field(description="When it was measured, by the media proxy's clock.")]
    mos: Annotated[float | None, Field(description="Lowest mean opinion score, 1.0 to 5.0.")] = None
    loss_percent: Annotated[float | None, Field(description="Highest packet loss, percent.")] = None
    jitter_ms: Annotated[float | None, Field(description="Highest jitter, milliseconds.")] = None
    round_trip_ms: Annotated[float | None, Field(description="Longest, milliseconds.")] = None
    timed_out: Annotated[
        bool, Field(description="The media proxy gave the call up: no media came any more.")
    ] = False
    event: Annotated[Identifier, Field(description="Id of the event that reported it.")]


@dataclass(slots=True, kw_only=True)
class Leg:
    """The user's end of one call that has not ended."""

    node: Identifier
    boot: Identifier
    call: Identifier
    sip_call_id: Text | None = None
    direction: Direction | None = None
    peer: Text | None = None
    state: CallState
    since: Annotated[datetime, Field(description="Of the present state.")]
    seq: int
    event: Identifier
    listed_at: Annotated[
        datetime | None, Field(description="When its node's last listing of it began.")
    ] = None
    node_lost: bool = False
    media: LegMedia | None = None


@dataclass(slots=True, kw_only=True)
class EndedLeg:
    """A tombstone: a leg never comes back from ended."""

    at: datetime
    event: Identifier


@dataclass(slots=True, kw_only=True)
class Loss:
    """Why a user is not reachable any more, kept until `status` is offline too."""

    cause: Cause
    at: Annotated[datetime, Field(description="By its node's clock.")]
    evidence: list[Identifier]


@dataclass(slots=True, kw_only=True)
class Session:
    """The fold's state for one user. `version` counts published presence changes.

    A record whose key ends with a space and `refresh` is no session: it is what a REGISTER that
    showed nothing new has changed since (docs/decisions/0011-refreshes-in-short.md).
    """

    aor: Aor
    version: int = 0
    batch: Annotated[
        int, Field(description="Of the write; a restart publishes the last batch's users again.")
    ] = 0
    earlier: Annotated[
        list[Presence],
        Field(description="Records that batch published of this user before its last one."),
    ] = field(default_factory=list)
    status: Status = Status.OFFLINE
    reachable: bool = False
    cause: Cause | None = None
    at: datetime | None = None
    evidence: list[Identifier] = field(default_factory=list)
    grace_until: Annotated[
        datetime | None, Field(description="When `status` follows `reachable`; a worker's clock.")
    ] = None
    loss: Annotated[
        Loss | None, Field(description="What that grace is for, published when it is over.")
    ] = None
    bindings: dict[str, Binding] = field(default_factory=dict)
    ended: dict[str, EndedBinding] = field(default_factory=dict)
    calls: dict[str, Leg] = field(default_factory=dict)
    ended_calls: dict[str, EndedLeg] = field(default_factory=dict)
