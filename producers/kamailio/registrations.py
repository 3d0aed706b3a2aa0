"""The script's events → registrations: `register`, `edge`, `usrloc:contact-expired`.

Pure but for the context's memory of contacts. The events are docs/kamailio.md's.
"""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from producers import uri_addresses
from producers.kamailio.context import Context
from producers.kamailio.event import time_of
from producers.opensips.context import Received, Translated
from producers.opensips.event import WORD_MAX, ServerEvent
from producers.sip_proxy import contact
from producers.stored_contact import StoredContact
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.sip_uri import MalformedUri, contact_uri
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport

# The registrar of a proxy that keeps no location table (streams/devices.py).
EDGE = "edge"
# What usrloc sets as expiry of a contact it drops with its connection (handle_lost_tcp), and in
# write-back mode of one to remove on its next timer.
DROPPED_EXPIRES = 10
# What save() returned (registrar's docs): a REGISTER without a Contact only asks.
_SAVED = {1: Kind.REGISTERED, 2: Kind.REFRESHED, 3: Kind.UNREGISTERED}
_ASKED = 4
_EXPIRES_MAX = 2**32 - 1  # RFC 3261 §20.19
_EPOCH_MAX = 4_102_444_800  # the year 2100
_CONTACTS = re.compile(r"<([^<>]*)>([^<>,]*)")
_EXPIRES = re.compile(r";\s*expires\s*=\s*([0-9]{1,10})", re.IGNORECASE)


def translate_register(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """A REGISTER that save() accepted."""
    if event.number("result") == _ASKED:
        return []
    path = event.word("path")
    fields = {
        "path": path,
        "received": uri_addresses.received_by_edge(path),
        "registrar": event.text("domain", WORD_MAX) or context.table,
        "user_agent": event.text("ua"),
    }
    return _accepted(event, context, received, fields)


def translate_edge(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A REGISTER that the registrar behind this proxy accepted: who came over which connection."""
    answered_by = event.text("reply_from", 200)
    reason = f"answered by {answered_by}" if answered_by else None
    return _accepted(event, context, received, {"registrar": EDGE, "reason": reason})


def translate_expired(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A contact that usrloc itself dropped: not renewed in time, or its connection is gone."""
    aor = context.users.registered(event.required("aor"), "aor")
    read = contact.read(event.required("addr", contact.CONTACT_MAX), "addr")
    epoch = event.required_number("expires")
    if epoch > _EPOCH_MAX:
        raise InvalidRecord("expires", "not a time in seconds")
    came_from, path = event.word("received"), event.word("path")
    transport = uri_addresses.transport_of(came_from or read.uri)
    fields: dict[str, Any] = {
        **_identity(event, read),
        "transport": transport,
        "remote": uri_addresses.address_of(came_from, transport) if path is None else None,
        "path": path,
        "received": uri_addresses.received_by_edge(path),
        "registrar": event.text("domain", WORD_MAX) or context.table,
        "user_agent": event.text("ua"),
    }
    kind = Kind.EXPIRED
    if epoch == DROPPED_EXPIRES:
        kind = Kind.CONNECTION_LOST if transport.is_connection else Kind.UNREGISTERED
        fields["reason"] = "dropped by usrloc"
    else:
        fields["expired_due"] = datetime.fromtimestamp(epoch, UTC)
    context.contacts.deleted(aor, read.identity)
    return _record(event, context, received, aor, kind, fields)


def peer(event: ServerEvent, name: str) -> tuple[Transport, Address]:
    """`tcp:192.0.2.7:40642`, as $proto, $si and $sp make it. Raises InvalidRecord."""
    proto, _, rest = event.required(name, WORD_MAX).partition(":")
    ip, _, port = rest.rpartition(":")
    if proto.lower() not in set(Transport):
        raise InvalidRecord(name, "not a SIP transport")
    if not port.isascii() or not port.isdecimal():
        raise InvalidRecord(name, "not a port")
    return Transport(proto.lower()), contact.address(ip, int(port[:6]), name)


def _accepted(
    event: ServerEvent, context: Context, received: Received, fields: dict[str, Any]
) -> list[Translated]:
    name = "aor" if "aor" in event.parameters else "user"
    aor = context.users.registered(event.required(name), name)
    stored = event.required("contact", contact.CONTACT_MAX)
    fields["transport"], fields["remote"] = peer(event, "src")
    if stored.strip() == "*":
        context.listing_needed = True
        fields |= {"call_id": event.word("callid"), "cseq": event.number("cseq")}
        return _record(event, context, received, aor, Kind.WILDCARD, fields)
    read = contact.read(stored, "contact")
    fields |= _identity(event, read)
    saved = _SAVED.get(event.number("result") or 0)
    seconds = _granted(event, stored, read.uri)
    if saved is Kind.UNREGISTERED or (saved is None and seconds == 0):
        context.contacts.deleted(aor, read.identity)
        return _record(event, context, received, aor, Kind.UNREGISTERED, fields)
    known = context.contacts.knows(aor, read.identity)
    context.contacts.registered(aor, read.identity, None, received.at)
    if seconds is not None:
        fields["expires_at"] = time_of(event, received.at) + timedelta(seconds=seconds)
    kind = saved or (Kind.REFRESHED if known else Kind.REGISTERED)
    return _record(event, context, received, aor, kind, fields)


def _identity(event: ServerEvent, read: StoredContact) -> dict[str, Any]:
    return {
        **contact.shown(read),
        "binding": read.identity,
        "call_id": event.word("callid"),
        "cseq": event.number("cseq"),
    }


def _granted(event: ServerEvent, stored: str, uri: str) -> int | None:
    """Seconds: what the registrar gives, else what was asked; None where neither is told."""
    asked = _expires_of(stored, uri)
    asked = event.number("expires") if asked is None else asked
    if asked == 0:
        return 0
    granted = event.number("granted")
    if granted is None:
        granted = _expires_of(event.text("reply_contact", contact.CONTACT_MAX) or "", uri)
    seconds = asked if granted is None else granted
    if seconds is not None and seconds > _EXPIRES_MAX:
        raise InvalidRecord("expires", "more than RFC 3261 allows")
    return seconds


def _expires_of(contacts: str, uri: str) -> int | None:
    """The `expires` parameter of this one; the 200 OK lists all the user's contacts."""
    for address, parameters in _CONTACTS.findall(contacts):
        try:
            named = contact_uri(address) == uri
        except MalformedUri:
            continue
        if named and (found := _EXPIRES.search(parameters)):
            return int(found[1])
    return None


def _record(
    event: ServerEvent,
    context: Context,
    received: Received,
    aor: str,
    kind: Kind,
    fields: dict[str, Any],
) -> list[Translated]:
    origin = context.origin(received.seq, time_of(event, received.at))
    record = build(RegistrationEvent, **origin, kind=kind, aor=aor, **fields)
    return [Translated(REGISTRATIONS, aor, record)]
