"""Internal topics of the streams: joins under other keys than the user's, and node changes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.origin import Address, Aor, Event, Identifier, Text
from schemas.session import LegMedia
from schemas.vocabulary import Cause, NodeKind, Source


@dataclass(slots=True, kw_only=True)
class ConnectionOwner(Event):
    """A binding that depends on a connection, published under the connection's key."""

    connection: Identifier
    aor: Aor
    binding: Annotated[Identifier, Field(max_length=1300, description="Key in the user's session.")]
    cookie: int | None = None
    transport_claimed: Annotated[
        bool, Field(description="As in the session's binding: there may be no connection.")
    ] = False
    remote: Address
    registered_at: Annotated[
        datetime | None,
        Field(
            description="When the client had registered, by the registrar's clock, where its "
            "connection was only found later, in a listing."
        ),
    ] = None


@dataclass(slots=True, kw_only=True)
class ConnectionLoss(Event):
    """The end of the connection a user's binding depends on, under the user's key."""

    connection: Identifier
    aor: Aor
    binding: Annotated[Identifier, Field(max_length=1300)]
    cookie: int | None = None
    remote: Address
    cause: Cause


@dataclass(slots=True, kw_only=True)
class CallOwner(Event):
    """A user's leg of a call, published under the SIP Call-ID."""

    call_id: Text
    aor: Aor
    leg: Identifier


@dataclass(slots=True, kw_only=True)
class MediaUpdate(Event):
    """Media quality of the call of a user's leg, under the user's key."""

    call_id: Text
    aor: Aor
    leg: Identifier
    media: LegMedia


@dataclass(slots=True, kw_only=True)
class NodeChange:
    """A change of a node's state, or the time on its clock, copied to every partition."""

    id: Identifier
    kind: NodeKind
    node: Identifier
    boot: Identifier
    at: datetime


@dataclass(slots=True, kw_only=True)
class Owner:
    """One binding on a connection, as it was last published."""

    aor: Aor
    binding: Annotated[Identifier, Field(max_length=1300)]
    source: Source
    boot: Identifier
    seq: int
    at: datetime
    cookie: int | None = None
    transport_claimed: bool = False
    registered_at: datetime | None = None


@dataclass(slots=True, kw_only=True)
class ConnectionEnd:
    """A tombstone of one incarnation, for owners that are read after its end."""

    source: Source
    boot: Identifier
    seq: int
    at: datetime
    cookie: int | None = None
    cause: Cause
    event: Identifier


@dataclass(slots=True, kw_only=True)
class ConnectionState:
    """The connection table's value: the bindings on a connection, and its last ends."""

    owners: list[Owner] = field(default_factory=list)
    suspect: ConnectionEnd | None = None
    ends: list[ConnectionEnd] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class NodeState:
    """The node table's value, one a node in every partition."""

    boot: Identifier
    at: Annotated[datetime, Field(description="By the node's clock.")]
    down: bool = False
    lost: Annotated[bool, Field(description="Its lease ran out.")] = False
    unwatched: Annotated[bool, Field(description="Its producer was stopped.")] = False
    gap: Annotated[
        datetime | None,
        Field(description="From when its events may be missing, by the worker's clock."),
    ] = None
    gap_at: Annotated[datetime | None, Field(description="The same, by the node's clock.")] = None
    gap_from: Annotated[
        datetime | None,
        Field(description="The last event before that, by the node's clock."),
    ] = None
    stale: Annotated[bool, Field(description="No listing has been read for too long since.")] = (
        False
    )
    listed_at: Annotated[
        datetime | None, Field(description="Of the last complete listing, by the node's clock.")
    ] = None
    changed: Annotated[
        datetime | None, Field(description="When this was folded, by the worker's clock.")
    ] = None


@dataclass(slots=True, kw_only=True)
class CallParty:
    """One user's leg of a call."""

    aor: Aor
    leg: Identifier


@dataclass(slots=True, kw_only=True)
class MediaState:
    """The media table's value: whose call it is, and what was last measured of it."""

    parties: list[CallParty] = field(default_factory=list)
    last: LegMedia | None = None
