"""E_UL_CONTACT_* and E_UL_LATENCY_UPDATE → registrations.

Pure but for the context's memory of contacts. A DELETE carries no reason (usrloc's udomain.c): it
is inferred from what else the event says.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.opensips.contacts import Insert
from producers.opensips.context import Context, Received, RestartSign, Translated
from producers.opensips.event import WORD_MAX, ServerEvent
from producers.sip_proxy import contact
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind

# What nathelper notes as the latency of an OPTIONS that nobody answered, µs.
PING_UNANSWERED = 1_800_000_000
# What usrloc's write-back mode sets as expiry of a contact to remove on its next timer.
WRITE_BACK_EXPIRES = 10
EXPIRES_MAX = 4_102_444_800  # the year 2100


class _Named(NamedTuple):
    """Which binding an event is about, and all it says of it."""

    aor: str
    binding: str
    remote: Address | None
    fields: dict[str, Any]


def translate_insert(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding made, or made known again by a server that restarted with its database."""
    if not context.is_ours(event):
        return []
    named, expires = _read(event, context), _expires(event)
    registration = event.word("callid"), event.number("cseq")
    what, since = context.contacts.inserted(named.aor, named.binding, registration, received.at)
    if what is Insert.UNEXPECTED:
        context.gap_seen = "a contact that was there is inserted: events are missing"
    if what is Insert.REPLAYED:
        context.restart_seen = RestartSign("contacts are inserted again", since)
        if named.fields["transport"].is_connection:
            return []  # its connection ended with the server it was made on
    return _record(context, received, named, Kind.REGISTERED, expires_at=expires)


def translate_update(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding renewed, or moved to another address."""
    if not context.is_ours(event):
        return []
    named, expires = _read(event, context), _expires(event)
    registration = event.word("callid"), event.number("cseq")
    context.contacts.registered(named.aor, named.binding, registration, received.at)
    return _record(context, received, named, Kind.REFRESHED, expires_at=expires)


def translate_delete(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding removed, and why as far as it can be known."""
    if not context.is_ours(event):
        return []
    named = _read(event, context)
    expires, latency = event.number("expires"), event.number("latency")
    contacts = context.contacts
    lost_before, _ = contacts.pinged(named.aor, named.binding, answered=False)
    contacts.deleted(named.aor, named.binding)
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
    if contacts.lost_connection(named.remote, received.at):
        reason = "removed with its connection (remove_ip_port)"
        return _record(context, received, named, Kind.CONNECTION_LOST, reason=reason)
    return _record(context, received, named, Kind.UNREGISTERED)


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
    aor = context.users.registered(event.required("aor"))
    read = contact.read(event.required("uri", contact.CONTACT_MAX))
    socket = contact.socket_of(event.text("socket"))
    transport = socket.transport if socket else uri_addresses.transport_of(read.uri)
    if socket and transport.is_connection:
        context.ports.add(socket.port)
    path = event.word("path")
    remote = peer(event.word("received"), path, read.uri, transport)
    return _Named(
        aor,
        read.identity,
        remote,
        {
            **contact.shown(read),
            "call_id": event.word("callid"),
            "cseq": event.number("cseq"),
            "transport": transport,
            "remote": remote,
            "path": path,
            "received": uri_addresses.received_by_edge(path),
            "registrar": event.text("domain", WORD_MAX),
            "user_agent": event.text("user_agent"),
        },
    )


def peer(received: str | None, path: str | None, uri: str, transport: Any) -> Address | None:
    """Where the REGISTER came from: `received` where the script fills it (fix_nated_register).

    Else the contact's own address; not behind an edge, where the contact is the client's and the
    peer is the edge.
    """
    if received is None and path is not None:
        return None
    return uri_addresses.address_of(received or uri, transport)


def _expires(event: ServerEvent) -> datetime | None:
    """When usrloc drops it; None for permanent contacts (0). Raises InvalidRecord."""
    epoch = event.required_number("expires")
    if epoch > EXPIRES_MAX:
        raise InvalidRecord("expires", "not a time in seconds")
    return datetime.fromtimestamp(epoch, UTC) if epoch else None


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
