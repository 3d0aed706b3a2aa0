"""rollcall.presence: the records subscribers read, one a change, compacted to the last a user."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from pydantic import Field

from schemas.origin import Address, Aor, Identifier, Text
from schemas.vocabulary import CallState, Cause, ContactForm, Direction, Status, Transport


@dataclass(slots=True, kw_only=True)
class PresenceBinding:
    """One place where the user can be reached, and the node to send to."""

    node: Annotated[Identifier, Field(description="The node to send to.")]
    contact: Annotated[Text, Field(description="The URI to send to, as the registrar stores it.")]
    contact_form: Annotated[
        ContactForm | None,
        Field(description="Where `contact` is no whole SIP URI: what it is instead."),
    ] = None
    transport: Annotated[Transport | None, Field(description="Over which it registered.")] = None
    remote: Annotated[
        Address | None, Field(description="The client's address, as the node nearest to it saw it.")
    ] = None
    edge: Annotated[
        Identifier | None,
        Field(description="The edge before the node that the client is connected to."),
    ] = None
    path: Annotated[
        Text | None, Field(description="Through which edge to send (RFC 3327), where stored.")
    ] = None
    registrar: Annotated[
        Identifier | None, Field(description="Profile or location table on the node.")
    ] = None
    user_agent: Annotated[
        Text | None, Field(description="As the client writes it: trust nothing in it.")
    ] = None
    suspect: Annotated[
        bool,
        Field(
            description="Its peer stopped acknowledging: prefer another binding, if there is one."
        ),
    ] = False
    stale: Annotated[
        bool,
        Field(description="Its node's events may be missing, and no listing has been read since."),
    ] = False
    since: Annotated[datetime, Field(description="When the binding began, by its node's clock.")]


@dataclass(slots=True, kw_only=True)
class PresenceCall:
    """One call the user is in or being rung by."""

    node: Annotated[Identifier, Field(description="The node the call is on.")]
    leg: Annotated[Identifier, Field(description="The user's end (FreeSWITCH: channel UUID).")]
    call: Annotated[Identifier, Field(description="The whole call: the same on all its legs.")]
    sip_call_id: Annotated[Text | None, Field(description="SIP Call-ID of the leg's dialog.")] = (
        None
    )
    direction: Annotated[Direction | None, Field(description="Seen from the user.")] = None
    peer: Annotated[Text | None, Field(description="The other party as the source names it.")] = (
        None
    )
    state: Annotated[CallState, Field(description="Ringing, early, answered or held.")]
    media_lost: Annotated[
        bool, Field(description="Its media timed out: a party has probably lost its connection.")
    ] = False
    since: Annotated[datetime, Field(description="Of the present state, by its node's clock.")]


@dataclass(slots=True, kw_only=True)
class Presence:
    """Who is reachable, where and why. Of two records of one user the higher version is right."""

    aor: Annotated[Aor, Field(description="The user, canonical: sip:user@host.")]
    version: Annotated[int, Field(ge=1, description="Only grows, per user.")]
    status: Annotated[Status, Field(description="For people.")]
    reachable: Annotated[bool, Field(description="For routing: follows the facts at once.")]
    cause: Annotated[Cause, Field(description="Why presence changed.")]
    at: Annotated[
        datetime,
        Field(
            description="When the cause happened, by its node's clock; never earlier than in the "
            "version before."
        ),
    ]
    bindings: Annotated[list[PresenceBinding], Field(description="Live ones, oldest first.")]
    calls: Annotated[list[PresenceCall], Field(description="From ringing on, oldest first.")]
    evidence: Annotated[list[Identifier], Field(description="Ids of the events that prove it.")]
