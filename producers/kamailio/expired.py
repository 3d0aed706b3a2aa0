"""usrloc:contact-expired → registrations: a contact that usrloc itself removed.

Pure but for the context's memory of bindings. The contact was not renewed in time, or its
connection has ended (usrloc's ucontact.c; `handle_lost_tcp`).
"""

from datetime import UTC, datetime
from typing import Any

from producers import uri_addresses
from producers.event_fields import IDENTIFIER_MAX
from producers.kamailio.context import Context
from producers.kamailio.identities import bare, identity
from producers.kamailio.records import registration
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import epoch
from producers.translated import Translated
from schemas.vocabulary import RegistrationKind as Kind

# The expiry that usrloc sets for a contact that it removes with its connection (handle_lost_tcp),
# and, in write-back mode, for one that it removes with its next timer.
DROPPED_EXPIRES = 10


def translate_expired(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The end of one contact. Raises InvalidRecord."""
    name, text = event.required("aor"), event.required("addr", contact.CONTACT_MAX)
    registrar = event.text("domain", IDENTIFIER_MAX) or context.table
    read = contact.read(text, "addr")
    expires = epoch(event)
    aor = _aor(name, text, registrar, context)
    if aor is None:
        context.listing_needed = True
        return []
    came_from, path = event.identifier("received"), event.identifier("path")
    transport = uri_addresses.transport_of(came_from or read.uri)
    key = context.known.named(registrar, aor, text) or _identity(event, context, text)
    fields: dict[str, Any] = {
        **contact.shown(read),
        "binding": key,
        "call_id": event.identifier("callid"),
        "cseq": event.number("cseq"),
        "transport": transport,
        "remote": uri_addresses.address_of(came_from, transport) if path is None else None,
        "path": path,
        "received": uri_addresses.received_by_edge(path),
        "user_agent": event.text("ua"),
        "kind": Kind.EXPIRED,
    }
    if expires == DROPPED_EXPIRES:
        fields["kind"] = Kind.CONNECTION_LOST if transport.is_connection else Kind.UNREGISTERED
        fields["reason"] = "dropped by usrloc"
    else:
        fields["expired_due"] = datetime.fromtimestamp(expires, UTC)
    context.known.remove(registrar, aor, key)
    return registration(event, context, received, aor, registrar, [fields])


def _aor(name: str, text: str, registrar: str, context: Context) -> str | None:
    """The user. Older Kamailios omit the domain of a contact that was read from a database.

    None where the name may be several users': then a listing of all shows who it was.
    """
    if "@" in name or context.users.completes:
        return context.users.stored(name, "aor")
    possible = context.users.in_known_domains(name)
    registered = [aor for aor in possible if context.known.named(registrar, aor, text) is not None]
    found = registered or possible
    return found[0] if len(found) == 1 else None


def _identity(event: ServerEvent, context: Context, text: str) -> str:
    return identity(
        text,
        context.matching,
        call_id=event.identifier("callid"),
        path=event.identifier("path"),
        instance=bare(event.identifier("instance")),
        reg_id=event.number("regid") or 0,
    )
