"""rollcall.presence: what subscribers read, one record a change, compacted to the last a user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.origin import Address, Aor, Text, Word
from schemas.vocabulary import CallState, Cause, Direction, Status, Transport


@dataclass(slots=True, kw_only=True)
class PresenceBinding:
    """One place where the user can be reached, and the node to send to."""

    node: Word
    contact: Text
    transport: Transport | None = None
    remote: Address | None = None
    registrar: Word | None = None
    user_agent: Text | None = None
    since: datetime


@dataclass(slots=True, kw_only=True)
class PresenceCall:
    """One call the user is in or being rung by."""

    node: Word
    leg: Word
    call: Word
    sip_call_id: Text | None = None
    direction: Direction | None = None
    peer: Text | None = None
    state: CallState
    since: datetime


@dataclass(slots=True, kw_only=True)
class Presence:
    """Who is reachable, where and why. Of two records of one user the higher version is right."""

    aor: Aor
    version: Annotated[int, Field(ge=1, description="Only grows, per user.")]
    status: Annotated[Status, Field(description="For people.")]
    reachable: Annotated[bool, Field(description="For routing: follows the facts at once.")]
    cause: Annotated[Cause, Field(description="Why this change came.")]
    at: Annotated[datetime, Field(description="When the cause happened, by its node's clock.")]
    bindings: Annotated[list[PresenceBinding], Field(description="Live ones, oldest first.")]
    calls: Annotated[list[PresenceCall], Field(description="From ringing on, oldest first.")]
    evidence: Annotated[list[Word], Field(description="Ids of the events that prove it.")]
