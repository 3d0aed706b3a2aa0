"""E_EDGE_REGISTER → registrations: clients of a proxy without usrloc, with their connections.

Pure but for the context's memory. The event is the script's own (docs/opensips.md), raised on
each 200 OK to a REGISTER that the proxy forwarded to a registrar. It holds the REGISTER's Contact
headers as they came, which are read by RFC 3261 §20.10, and those of the 200 OK.
"""

from datetime import timedelta
from typing import Any, NamedTuple

from producers.opensips.context import Context
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.contact_header import (
    HeaderContact,
    UnreadableContact,
    granted_to,
    is_star,
    read_each,
    read_expires,
)
from producers.sip_proxy.edge_listing import EDGE
from producers.sip_proxy.event import ServerEvent
from producers.stored_contact import StoredContact, bounded_identity
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport

# Where neither the client nor the registrar names an expiry (RFC 3261 §10.2.1.1).
_EXPIRES_DEFAULT = 3600


class _Named(NamedTuple):
    """One contact of the REGISTER: seconds for which it was accepted, 0 where it was removed."""

    stored: StoredContact
    binding: str
    seconds: int
    transport: Transport


def translate_edge_register(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """The client's bindings as the edge sees them: its address there, the registrar's expiry.

    New bindings come before removed ones: a client that moves is never without one. A contact that
    cannot be read is put in `context.unreadable`, and the others count. Raises InvalidRecord where
    none can be read.
    """
    aor = context.users.registered(event.required("aor"))
    header = event.required_contact("contact", contact.CONTACT_MAX)
    fields = _connection(event, context)
    if is_star(header):
        return [_record(context, received, aor, Kind.WILDCARD, fields | {"remaining": []})]
    named = _contacts(event, context, header, fields["transport"])
    records = []
    for index, one in enumerate(sorted(named, key=lambda each: each.seconds == 0)):
        kind, expiry = _note(context, received, aor, one, fields)
        shown = {
            **contact.shown(one.stored),
            "binding": one.binding,
            "transport": one.transport,
            "expires_at": expiry,
        }
        suffix = f"/{index}" if index else ""
        records.append(_record(context, received, aor, kind, fields | shown, suffix))
    return records


def _note(
    context: Context, received: Received, aor: str, one: _Named, fields: dict[str, Any]
) -> tuple[Kind, Any]:
    """The kind and expiry of the contact's record; the contact is remembered."""
    if one.seconds == 0:
        context.contacts.deleted(aor, one.binding, received.at)
        return Kind.UNREGISTERED, None
    known = context.contacts.knows(aor, one.binding)
    registration = fields["call_id"], fields["cseq"]
    context.contacts.registered(aor, one.binding, registration, received.at)
    expiry = received.at + timedelta(seconds=one.seconds)
    return (Kind.REFRESHED if known else Kind.REGISTERED), expiry


def _contacts(event: ServerEvent, context: Context, header: str, over: Transport) -> list[_Named]:
    """The contacts of the header; of one that is there twice the last counts. InvalidRecord."""
    found: dict[str, _Named] = {}
    unreadable: list[UnreadableRow] = []
    for one in read_each(header):
        if isinstance(one, UnreadableContact):
            unreadable.append(UnreadableRow(one.text, InvalidRecord("contact", one.reason)))
            continue
        try:
            stored = contact.read(one.uri, "contact")
        except InvalidRecord as error:
            unreadable.append(UnreadableRow(one.uri, error))
            continue
        transport = contact.transport_over(contact.Socket(over, 0), one.uri)
        binding = _identity(one, stored)
        found[binding] = _Named(stored, binding, _seconds(event, one), transport)
    if not found:  # the whole event is the dead letter
        raise unreadable[0].error if unreadable else InvalidRecord("contact", "no contact")
    context.unreadable += unreadable
    return list(found.values())


def _identity(one: HeaderContact, stored: StoredContact) -> str:
    """The identity of a device's flow (RFC 5626 §6), else of the contact."""
    if one.instance is not None and one.reg_id is not None:
        return bounded_identity(f"{one.instance};reg-id={one.reg_id}")
    return stored.identity


def _seconds(event: ServerEvent, one: HeaderContact) -> int:
    """The seconds that the 200 OK grants this contact, else those requested, else the default."""
    requested = one.expires if "expires" in one.parameters else None
    if requested is None:
        requested = read_expires(event.raw("expires"))
    if requested == 0:
        return 0
    granted = granted_to(one, event.text("reply_contact", contact.CONTACT_MAX))
    seconds = granted if granted is not None else requested
    return _EXPIRES_DEFAULT if seconds is None else seconds


def _connection(event: ServerEvent, context: Context) -> dict[str, Any]:
    name = event.required("received_proto").lower()
    if name not in set(Transport):
        raise InvalidRecord("received_proto", "not a SIP transport")
    transport = Transport(name)
    socket = (event.text("socket") or "").rpartition(":")[2]  # without a transport in $si:$sp
    if transport.is_connection and socket.isdecimal() and 0 < int(socket) <= 65535:
        context.ports.add(int(socket))
    answered_by = event.text("reply_from", 200)
    return {
        "call_id": event.identifier("callid"),
        "cseq": event.number("cseq"),
        "transport": transport,
        "remote": contact.address(
            event.required("received_ip"), event.required_number("received_port"), "received_ip"
        ),
        "reason": f"answered by {answered_by}" if answered_by else None,
    }


def _record(
    context: Context,
    received: Received,
    aor: str,
    kind: Kind,
    fields: dict[str, Any],
    suffix: str = "",
) -> Translated:
    record = build(
        RegistrationEvent,
        **context.origin(received, suffix),
        kind=kind,
        aor=aor,
        registrar=EDGE,
        **fields,
    )
    return Translated(REGISTRATIONS, aor, record)
