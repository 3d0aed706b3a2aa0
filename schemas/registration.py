"""rollcall.registrations: registrars' events about bindings, and their snapshots."""

from datetime import datetime
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from schemas.origin import RECORD, Address, Aor, Event, Identifier, Text
from schemas.vocabulary import ContactForm, RegistrationKind, Transport


@dataclass(config=RECORD, slots=True, kw_only=True)
class LiveConnection:
    """One client's connection to a node, alive when the node's connections were listed."""

    remote: Annotated[Address, Field(description="The client's end.")]
    cookie: Annotated[int | None, Field(description="Kernel socket cookie, where known.")] = None


@dataclass(config=RECORD, slots=True, kw_only=True)
class RegistrationEvent(Event):
    """One event about a binding (RFC 3261 §10), or one mark of a snapshot.

    A snapshot is SNAPSHOT_BEGAN, rows, SNAPSHOT_ENDED with one `snapshot` id. Of a whole node the
    marks stand in every partition (`aor` null, explicit partition), in order with the rows; of one
    user (`aor` set) in that user's partition only. A listing of connections (CONNECTIONS_LISTED)
    stands in every partition too, in `parts` records of one `snapshot` id.
    """

    kind: RegistrationKind
    aor: Annotated[Aor | None, Field(description="Null only on marks that are about a node.")] = (
        None
    )
    contact: Annotated[
        Text | None,
        Field(description="Contact URI without display name, as the registrar stores it."),
    ] = None
    binding: Annotated[
        Text | None,
        Field(
            description="Identity of the binding on its node, by the registrar's own matching "
            "rule: contact, instance and reg-id, or with the Call-ID. Null where the source names "
            "none (the fold then infers by Call-ID)."
        ),
    ] = None
    contact_form: Annotated[
        ContactForm | None,
        Field(description="Where `contact` is no whole SIP URI: what it is instead."),
    ] = None
    remaining: Annotated[
        list[Text] | None,
        Field(
            description="Identities of all the user's bindings that the registrar's own table "
            "(`registrar`) held at `table_at`, this event's included: the user's others there, "
            "confirmed before, are gone. Null where the table was not read."
        ),
    ] = None
    table_at: Annotated[
        datetime | None,
        Field(description="When that table was read, by the node's clock; null: at `at`."),
    ] = None
    replaces_call_id: Annotated[
        bool,
        Field(
            description="The registrar keeps one binding a Call-ID: the user's others there that "
            "have this event's are gone."
        ),
    ] = False
    call_id: Annotated[
        Text | None,
        Field(description="Call-ID of the REGISTER; a client keeps it over reconnects."),
    ] = None
    cseq: Annotated[
        Annotated[int, Field(ge=0)] | None,
        Field(description="CSeq of the REGISTER, where the source reports it."),
    ] = None
    expires_at: Annotated[
        datetime | None,
        Field(
            description="When the registrar itself would drop the binding, its own margin included."
        ),
    ] = None
    expired_due: Annotated[
        datetime | None,
        Field(description="EXPIRED only: the expiry the registrar had stored for the binding."),
    ] = None
    transport: Annotated[Transport | None, Field(description="Over which it registered.")] = None
    remote: Annotated[
        Address | None, Field(description="The peer the REGISTER came from (network-ip/-port).")
    ] = None
    cookie: Annotated[
        int | None, Field(description="Kernel socket cookie of its connection, where known.")
    ] = None
    transport_claimed: Annotated[
        bool,
        Field(
            description="The transport is the Contact's claim: the kernel had no connection of "
            "this peer, and none that has ended. The REGISTER came over UDP."
        ),
    ] = False
    connection_gone: Annotated[
        bool,
        Field(
            description="SNAPSHOT_ROW only: the kernel knew no such connection when it was listed. "
            "Servers list dead clients too: such a row brings nobody online."
        ),
    ] = False
    path: Annotated[
        Text | None,
        Field(
            description="Through which edge to send: the Path header's URIs (RFC 3327), as stored."
        ),
    ] = None
    received: Annotated[
        Address | None,
        Field(description="The client's address as that edge saw it, where the path shows it."),
    ] = None
    registrar: Annotated[Identifier | None, Field(description="Profile or location table.")] = None
    user_agent: Annotated[
        Text | None, Field(description="As the client writes it: trust nothing in it.")
    ] = None
    reason: Annotated[Text | None, Field(description="As the source writes it.")] = None
    status_code: Annotated[
        Annotated[int, Field(ge=100, le=699)] | None,
        Field(description="REFUSED: the SIP status of the answer."),
    ] = None
    snapshot: Annotated[
        Identifier | None, Field(description="Id of the snapshot that marks and rows belong to.")
    ] = None
    connections: Annotated[
        list[LiveConnection] | None,
        Field(
            description="CONNECTIONS_LISTED only: clients' connections to the node that were open "
            "at `at`, or a part of them."
        ),
    ] = None
    parts: Annotated[
        int,
        Field(ge=1, description="CONNECTIONS_LISTED only: in how many records the listing comes."),
    ] = 1
    part: Annotated[int, Field(ge=0, description="CONNECTIONS_LISTED only: which, from 0.")] = 0
    hosts: Annotated[
        list[Text] | None,
        Field(
            description="CONNECTIONS_LISTED only: `host:port` or `host` by which Paths (RFC 3327) "
            "may name the node, as far as known."
        ),
    ] = None
