"""A REGISTER of which only the header is known → registrations.

For an edge without a location table, and for a script that passes no `contacts`. The header's
contacts count until the table shows others: a user whose bindings no listing has confirmed yet is
listed at once (UserListing). RFC 3261 §10.3 and §20.10.
"""

from datetime import timedelta
from typing import Any

from producers import uri_addresses
from producers.event_fields import IDENTIFIER_MAX
from producers.kamailio.context import Context
from producers.kamailio.event import time_of
from producers.kamailio.identities import identity
from producers.kamailio.records import peer, registration, subject
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.contact_header import (
    HeaderContact,
    granted_to,
    is_star,
    read_contacts,
    read_expires,
)
from producers.sip_proxy.edge_listing import EDGE
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.known_bindings import Known
from producers.sip_proxy.user_listings import UserListing
from producers.translated import Translated
from schemas.codec import InvalidRecord
from schemas.sip_uri import MalformedUri
from schemas.vocabulary import RegistrationKind as Kind

_ADDED, _RENEWED, _REMOVED = 1, 2, 3  # what save() returned


def translate(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A record for each contact of a REGISTER that save() accepted. Raises InvalidRecord."""
    if event.number("result") == 0:
        return []  # refused: the header was not stored
    name, aor = subject(event, context)
    registrar = event.text("domain", IDENTIFIER_MAX) or context.table
    path = event.identifier("path")
    extra = {
        "path": path,
        "received": uri_addresses.received_by_edge(path),
        "user_agent": event.text("ua"),
    }
    renewed = _renewed(event, context, registrar, aor)
    records = _records(event, context, received, aor, registrar, extra)
    if not renewed:
        context.unclear.append(UserListing(registrar, name, aor))
    return records


def translate_edge(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """Records of a REGISTER that the registrar behind this proxy accepted, with the client's
    connection. Raises InvalidRecord."""
    aor = subject(event, context).aor
    answered_by = event.text("reply_from", 200)
    reason = f"answered by {answered_by}" if answered_by else None
    return _records(event, context, received, aor, EDGE, {"reason": reason})


def only_removes(event: ServerEvent) -> bool:
    """Whether the header, as far as it can be read, removes bindings and makes none."""
    if event.number("result") == _REMOVED or is_star(event.text("contact") or ""):
        return True
    try:
        return all(_seconds(event, one, alone=False) == 0 for one in _contacts(event))
    except InvalidRecord:
        return False


def named_contact(event: ServerEvent, context: Context) -> dict[str, Any]:
    """The record's fields of the header's first contact; none where it cannot be read."""
    try:
        first = _contacts(event)[0]
        read = contact.read(first.uri, "contact")
    except InvalidRecord:
        return {}
    return {**contact.shown(read), "binding": _identity(event, context, first)}


def _records(
    event: ServerEvent,
    context: Context,
    received: Received,
    aor: str,
    registrar: str,
    extra: dict[str, Any],
) -> list[Translated]:
    transport, remote = peer(event, "src")
    call_id, cseq = event.identifier("callid"), event.number("cseq")
    shared = {"call_id": call_id, "cseq": cseq, "transport": transport, "remote": remote, **extra}
    if is_star(event.required("contact", contact.CONTACT_MAX)):
        context.known.replace(registrar, aor, {})
        gone = {"kind": Kind.WILDCARD, "remaining": [], **shared}  # star() in registrar's save.c
        return registration(event, context, received, aor, registrar, [gone])
    contacts = _contacts(event)
    found = (_binding(event, context, received, aor, registrar, one, contacts) for one in contacts)
    # New bindings come first: a client that moves is never without one.
    records = sorted(
        ({**shared, **fields} for fields in found if fields is not None),
        key=lambda record: record["kind"] is Kind.UNREGISTERED,
    )
    if not records:
        return []
    made = [record["binding"] for record in records if record["kind"] is not Kind.UNREGISTERED]
    if context.only_one_contact and made and registrar != EDGE:
        records[-1]["remaining"] = made[:1]
    return registration(event, context, received, aor, registrar, records)


def _binding(
    event: ServerEvent,
    context: Context,
    received: Received,
    aor: str,
    registrar: str,
    one: HeaderContact,
    contacts: list[HeaderContact],
) -> dict[str, Any] | None:
    """What one of the header's contacts makes of its binding; None for one that cannot be read
    beside others. Raises InvalidRecord for one that stands alone."""
    alone = len(contacts) == 1
    try:
        read = contact.read(one.uri, "contact")
    except InvalidRecord as error:
        if alone:
            raise
        context.unreadable.append(UnreadableRow(one.uri, error))  # the others count
        return None
    seconds = _seconds(event, one, alone=alone)
    key = _identity(event, context, one)
    fields = {**contact.shown(read), "binding": key}
    if seconds == 0:
        context.known.remove(registrar, aor, key)
        return {"kind": Kind.UNREGISTERED, **fields}
    stored = _stored_as(event, context, registrar, aor, one)
    if stored is not None:
        key, (text, *_) = stored
        fields |= {**contact.shown(contact.read(text, "contact")), "binding": key}
    known = context.known.of(registrar, aor).get(key)
    listed = known is not None and known.listed
    call_id, cseq = event.identifier("callid"), event.number("cseq")
    context.known.add(registrar, aor, key, Known(one.uri, call_id, cseq, listed))
    if seconds is not None:
        fields["expires_at"] = time_of(event, received.at) + timedelta(seconds=seconds)
    is_renewal = event.number("result") == _RENEWED or known is not None
    return {"kind": Kind.REFRESHED if is_renewal else Kind.REGISTERED, **fields}


def _contacts(event: ServerEvent) -> list[HeaderContact]:
    try:
        return read_contacts(event.required("contact", contact.CONTACT_MAX))
    except MalformedUri as error:
        raise InvalidRecord("contact", str(error)) from error


def _identity(event: ServerEvent, context: Context, one: HeaderContact) -> str:
    return identity(
        one.uri,
        context.matching,
        call_id=event.identifier("callid"),
        path=event.identifier("path"),
        instance=one.instance,
        reg_id=one.reg_id or 0,
    )


def _stored_as(
    event: ServerEvent, context: Context, registrar: str, aor: str, one: HeaderContact
) -> tuple[str, Known] | None:
    """The binding under which the table holds a contact that the script rewrote before save()."""
    known = context.known.of(registrar, aor)
    if event.number("result") != _RENEWED or _identity(event, context, one) in known:
        return None
    key = context.known.made_by(registrar, aor, event.identifier("callid"))
    return (key, known[key]) if key is not None else None


def _renewed(event: ServerEvent, context: Context, registrar: str, aor: str) -> bool:
    """Whether the REGISTER only renews what the table was seen to hold."""
    if event.number("result") != _RENEWED or is_star(event.text("contact") or ""):
        return False
    known = context.known.of(registrar, aor)
    named = [
        (_identity(event, context, one), _stored_as(event, context, registrar, aor, one))
        for one in _contacts(event)
    ]
    keys = [stored[0] if stored is not None else key for key, stored in named]
    return all(key in known and known[key].listed for key in keys)


def _seconds(event: ServerEvent, one: HeaderContact, *, alone: bool) -> int | None:
    """The seconds that the registrar grants this contact, else those that were requested.

    None where neither can be read: then the registrar's default counts.
    """
    requested = one.expires
    if "expires" not in one.parameters:
        requested = read_expires(event.raw("expires"))
    if requested == 0 or (alone and event.number("result") == _REMOVED):
        return 0
    granted = event.number("granted") if alone or requested is None else None
    if granted is None:
        granted = granted_to(one, event.text("reply_contact", contact.CONTACT_MAX))
    return requested if granted is None else granted
