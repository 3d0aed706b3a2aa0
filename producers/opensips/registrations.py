"""E_UL_CONTACT_*, E_UL_AOR_* and E_UL_LATENCY_UPDATE → registrations.

Pure but for the context's memory of contacts. A DELETE carries no reason (usrloc's udomain.c): it
is inferred from what else the event holds.
"""

import contextlib
from datetime import UTC, datetime
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.event_fields import IDENTIFIER_MAX
from producers.opensips.contacts import Insert
from producers.opensips.context import Context, RestartSign
from producers.opensips.storage import Probe
from producers.opensips.user_records import RECORDS_OF_A_START
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import expiry
from producers.sip_proxy.user_listings import UserListing
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind

# What nathelper notes as the latency of an OPTIONS that nobody answered, µs.
PING_UNANSWERED = 1_800_000_000
# What usrloc's write-back mode sets as expiry of a contact to remove on its next timer.
WRITE_BACK_EXPIRES = 10
TABLE = "location"  # where an event names none


class _Named(NamedTuple):
    """Which binding an event is about, and all it reports of it."""

    aor: str
    binding: str
    uri: str
    remote: Address | None
    is_here: bool  # one of this node's own sockets holds it
    listing: UserListing | None  # None: MI cannot be asked for this name
    fields: dict[str, Any]


def translate_insert(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding made; nothing of one that usrloc only read from its database once more.

    With `sql-only` and `full-sharing-cachedb` (2.4: db_mode 3) each lookup and REGISTER reads all
    of the user's contacts, expired ones and those of other nodes too. So one contact shows nothing
    of the server: its own status or MI's uptime does, or the records of several users made anew.
    """
    if not context.is_ours(event):
        return []
    named, expires = _read(event, context), expiry(event)
    registration = event.identifier("callid"), event.number("cseq")
    identity = named.aor, named.binding
    is_known = context.contacts.knows(*identity)
    is_echo = False
    if context.in_database:
        is_echo = context.echoes.takes(named.aor, (named.uri, registration[0]), received.at)
        is_over = expires is not None and expires <= received.at
        if is_over or not named.is_here:
            return []  # read after its end, or another node's: dbrow2info() knows no such socket
    loose = context.matching.may_take_another(named.uri)
    inserted = context.contacts.inserted
    what, since = inserted(*identity, registration, received.at, named.uri, loose=loose)
    _report(context, named, expires, received)
    if context.in_database and what in (Insert.REPEATED, Insert.REPLAYED):
        # A lookup, or a REGISTER that removes contacts: `*` (delete_urecord()), and all that
        # full-sharing-cachedb removes, raise no other event.
        if not is_echo:
            _ask(context, named)
        return []
    ended = since is not None and context.connection_ends.has_ended(named.remote, since)
    if what is Insert.REPEATED and ended:
        return []  # read once more for a lookup
    remade = context.user_records.remade(named.aor, since, received.at) if since else 0
    if what is Insert.REPLAYED:
        if remade >= RECORDS_OF_A_START:
            context.restart_seen = RestartSign("records of users are made again", since)
        return []
    if what is Insert.UNEXPECTED and remade:
        context.gap_seen = "a user's record that was there is made again: events are missing"
    # An echo of a known contact is in the answer; one of another may have ended since.
    is_unclear = is_known is not is_echo and what is not Insert.REPEATED
    if is_unclear or _may_replace(context, named.aor):
        _ask(context, named)
    return _record(context, received, named, Kind.REGISTERED, expires_at=expires)


def translate_update(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding renewed, or moved to another address.

    One so far unknown may be a known one under a new URI, which usrloc changes where it matches by
    parameters (lib/reg/ci.c): the user is listed, or without MI its Call-ID decides.
    """
    if not context.is_ours(event):
        return []
    named, expires = _read(event, context), expiry(event)
    registration = event.identifier("callid"), event.number("cseq")
    contacts, replaces = context.contacts, False
    if not contacts.knows(named.aor, named.binding):
        _ask(context, named)
        moved = contacts.moved(named.aor, named.binding, registration)
        replaces = moved and not context.asks
    elif context.in_database and contacts.moves(named.aor, named.binding, named.uri):
        _ask(context, named)  # db_update_ucontact() keeps the old URI
    elif contacts.has_loose(named.aor) or contacts.has_twins(named.aor, named.binding):
        _ask(context, named)
    loose = context.matching.may_take_another(named.uri)
    identity = named.aor, named.binding
    contacts.registered(*identity, registration, received.at, named.uri, loose=loose)
    _report(context, named, expires, received)
    if replaces:
        contacts.replaced(named.aor, named.binding, registration[0])
    fields: dict[str, Any] = {"expires_at": expires, "replaces_call_id": replaces}
    return _record(context, received, named, Kind.REFRESHED, **fields)


def translate_record(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """E_UL_AOR_INSERT and E_UL_AOR_DELETE: a user's record in memory; database modes have none."""
    context.storage.shows_memory()
    if event.name == "E_UL_AOR_INSERT" and event.text("aor") is not None:
        with contextlib.suppress(InvalidRecord):  # its contact's event follows, and is refused
            aor = context.users.stored(event.required("aor"))
            if context.contacts.count(aor):
                context.user_records.made(aor, received.at)
    return []


def translate_delete(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding removed, and why as far as it can be known."""
    if not context.is_ours(event):
        return []
    named = _read(event, context)
    expires, latency = event.number("expires"), event.number("latency")
    contacts = context.contacts
    registration = event.identifier("callid"), event.number("cseq")
    left = contacts.removed_one(named.aor, named.binding, registration)
    context.writes_back |= expires == WRITE_BACK_EXPIRES
    if left is not False or contacts.has_twins(named.aor, named.binding):
        _ask(context, named)
        if left or context.asks:
            contacts.unsettle(named.aor, named.binding)
            return []  # the listing decides
    if not contacts.knows(named.aor, named.binding):
        _ask(context, named)  # the streams may have it by another identity
    lost_before, _ = contacts.pinged(named.aor, named.binding, answered=False)
    contacts.deleted(named.aor, named.binding, received.at)
    context.storage.removed(named.aor, named.binding)
    context.expiries.remove(named.aor, named.binding)
    if expires == WRITE_BACK_EXPIRES:
        return _record(context, received, named, Kind.UNREGISTERED, reason="removed in write-back")
    if expires and expires <= received.at.timestamp():
        due = datetime.fromtimestamp(expires, UTC)
        return _record(context, received, named, Kind.EXPIRED, expired_due=due)
    if latency == PING_UNANSWERED:
        reason = "pings were not answered"
        records = _record(context, received, named, Kind.EXPIRED, reason=reason)
        if (lost_before or 0) < context.pings_lost_max:
            lost = _record(context, received, named, Kind.PING_LOST, "/ping", reason=reason)
            return [*lost, *records]
        return records
    if context.connection_ends.lost_connection(named.remote, received.at):
        reason = "removed with its connection (remove_ip_port)"
        return _record(context, received, named, Kind.CONNECTION_LOST, reason=reason)
    return _record(context, received, named, Kind.UNREGISTERED)


def _ask(context: Context, named: _Named) -> None:
    """Have the user listed at once, or everybody where MI cannot be asked for the name."""
    if named.listing is not None:
        context.unclear = named.listing
    else:
        context.all_unclear = True


def _report(context: Context, named: _Named, expires: datetime | None, received: Received) -> None:
    if named.listing is not None:
        context.storage.reported(Probe(named.listing, named.binding, expires, received.seq))
        if context.in_database:
            context.expiries.set(named.listing, named.binding, expires)


def _may_replace(context: Context, aor: str) -> bool:
    """Whether a new contact may have replaced another whose end no event has reported yet.

    Else usrloc raises the DELETE of what it replaces before the INSERT (save.c, insert_contacts()).
    """
    count = context.contacts.count(aor)
    if context.max_contacts is not None and count > context.max_contacts:
        return True
    return context.writes_back and count > 1


def translate_latency(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """An answered or unanswered ping; only what changes something is told."""
    if not context.is_ours(event):
        return []
    named = _read(event, context)
    answered = event.required_number("latency") != PING_UNANSWERED
    before, now = context.contacts.pinged(named.aor, named.binding, answered=answered)
    limit = context.pings_lost_max
    if now == limit:
        reason = f"{limit} pings in a row were not answered"
        return _record(context, received, named, Kind.PING_LOST, reason=reason)
    if answered and (before is None or before >= limit):
        return _record(context, received, named, Kind.PING_RESTORED)
    return []


def _read(event: ServerEvent, context: Context) -> _Named:
    """Raises InvalidRecord."""
    name = event.required("aor")
    aor = context.users.stored(name)
    text = event.required_contact("uri", contact.CONTACT_MAX)
    read = contact.read(text)
    call_id, table = event.identifier("callid"), event.text("domain", IDENTIFIER_MAX)
    socket = contact.socket_of(event.text("socket"))
    transport = contact.transport_over(socket, text)
    if socket and transport.is_connection:
        context.ports.add(socket.port)
    path = event.identifier("path")
    remote = contact.peer(event.identifier("received"), path, read.uri, transport)
    return _Named(
        aor,
        context.matching.identity(read, text, call_id),
        text,
        remote,
        event.text("socket") is not None,
        None if context.users.hides(name) else UserListing(table or TABLE, name, aor),
        {
            **contact.shown(read),
            "call_id": call_id,
            "cseq": event.number("cseq"),
            "transport": transport,
            "remote": remote,
            "path": path,
            "received": uri_addresses.received_by_edge(path),
            "registrar": table,
            "user_agent": event.text("user_agent"),
        },
    )


def _record(
    context: Context,
    received: Received,
    named: _Named,
    kind: Kind,
    suffix: str = "",
    **fields: Any,
) -> list[Translated]:
    record = build(
        RegistrationEvent,
        **context.origin(received, suffix),
        kind=kind,
        aor=named.aor,
        binding=named.binding,
        **named.fields,
        **fields,
    )
    return [Translated(REGISTRATIONS, named.aor, record)]
