"""E_EDGE_REGISTER → registrations: who registered over which connection at a proxy without usrloc.

Pure but for the context's memory. The event is the script's own (docs/opensips.md), raised on
each 200 OK to a REGISTER that the proxy passed on to a registrar.
"""

from datetime import timedelta
from typing import Any

from producers.opensips.context import Context, Received, Translated
from producers.opensips.event import ServerEvent
from producers.sip_proxy import contact
from schemas.codec import InvalidRecord, build
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MalformedUri, contact_uri
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport

REGISTRAR = "edge"
_EXPIRES_MAX = 2**32 - 1  # RFC 3261 §20.19


def translate_edge_register(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """The client's binding as the edge sees it: its address there, the registrar's expiry."""
    aor = context.users.registered(event.required("aor"))
    stored = event.required("contact", contact.CONTACT_MAX)
    fields = _connection(event, context)
    if stored.strip() == "*":
        return _record(context, received, aor, Kind.WILDCARD, fields)
    read = contact.read(stored, "contact")
    fields |= {**contact.shown(read), "binding": read.identity}
    seconds = _granted(event, read.uri)
    if seconds == 0:
        context.contacts.deleted(aor, read.identity)
        return _record(context, received, aor, Kind.UNREGISTERED, fields)
    known = context.contacts.knows(aor, read.identity)
    registration = fields["call_id"], fields["cseq"]
    context.contacts.registered(aor, read.identity, registration, received.at)
    fields["expires_at"] = received.at + timedelta(seconds=seconds)
    return _record(context, received, aor, Kind.REFRESHED if known else Kind.REGISTERED, fields)


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
        "call_id": event.word("callid"),
        "cseq": event.number("cseq"),
        "transport": transport,
        "remote": contact.address(
            event.required("received_ip"), event.required_number("received_port"), "received_ip"
        ),
        "reason": f"answered by {answered_by}" if answered_by else None,
    }


def _granted(event: ServerEvent, uri: str) -> int:
    """Seconds: what the 200 OK gives this contact, else what was asked. Raises InvalidRecord."""
    asked = event.number("expires")
    granted = _expires_parameter(event.text("reply_contact", contact.CONTACT_MAX), uri)
    seconds = granted if granted is not None and asked != 0 else asked
    if seconds is None or seconds > _EXPIRES_MAX:
        raise InvalidRecord("expires", "neither asked nor granted")
    return seconds


def _expires_parameter(reply_contact: str | None, uri: str) -> int | None:
    if reply_contact is None:
        return None
    try:
        if contact_uri(reply_contact) != uri:
            return None  # $ct of a 200 OK may name another device first
    except MalformedUri:
        return None
    for parameter in reply_contact.rpartition(">")[2].split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "expires" and value.strip().isdecimal():
            return int(value.strip()[:12])
    return None


def _record(
    context: Context, received: Received, aor: str, kind: Kind, fields: dict[str, Any]
) -> list[Translated]:
    record = build(
        RegistrationEvent,
        **context.origin(received),
        kind=kind,
        aor=aor,
        registrar=REGISTRAR,
        **fields,
    )
    return [Translated(REGISTRATIONS, aor, record)]
