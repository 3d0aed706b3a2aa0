"""One E_UL_CONTACT_* event, read: which binding it is about, and the fields of its record.

Pure but for the context, where listings are requested and the server's ports are learned.
"""

from datetime import datetime
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.event_fields import IDENTIFIER_MAX
from producers.opensips.context import Context
from producers.opensips.live_contact import Registration
from producers.opensips.storage import Probe
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.user_listings import UserListing
from producers.translated import Translated
from schemas.codec import build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind

TABLE = "location"  # where an event names none


class ContactEvent(NamedTuple):
    """`is_here`: one of this node's own sockets holds it. `listing` None: MI cannot list it."""

    aor: str
    binding: str
    uri: str
    remote: Address | None
    registration: Registration
    is_here: bool
    listing: UserListing | None
    fields: dict[str, Any]

    @property
    def identity(self) -> tuple[str, str]:
        """AOR and binding."""
        return self.aor, self.binding


def read(event: ServerEvent, context: Context) -> ContactEvent:
    """Raises InvalidRecord."""
    name = event.required("aor")
    aor = context.users.stored(name)
    text = event.required_contact("uri", contact.CONTACT_MAX)
    stored = contact.read(text)
    call_id, cseq = event.identifier("callid"), event.number("cseq")
    table = event.text("domain", IDENTIFIER_MAX)
    socket = contact.socket_of(event.text("socket"))
    transport = contact.transport_over(socket, text)
    if socket and transport.is_connection:
        context.ports.add(socket.port)
    path = event.identifier("path")
    remote = contact.peer(event.identifier("received"), path, stored.uri, transport)
    return ContactEvent(
        aor,
        context.matching.identity(stored, text, call_id),
        text,
        remote,
        (call_id, cseq),
        event.text("socket") is not None,
        None if context.users.hides(name) else UserListing(table or TABLE, name, aor),
        {
            **contact.shown(stored),
            "call_id": call_id,
            "cseq": cseq,
            "transport": transport,
            "remote": remote,
            "path": path,
            "received": uri_addresses.received_by_edge(path),
            "registrar": table,
            "user_agent": event.text("user_agent"),
        },
    )


def record(
    context: Context,
    received: Received,
    about: ContactEvent,
    kind: Kind,
    suffix: str = "",
    **fields: Any,
) -> list[Translated]:
    """The record of the event."""
    event = build(
        RegistrationEvent,
        **context.origin(received, suffix),
        kind=kind,
        aor=about.aor,
        binding=about.binding,
        **about.fields,
        **fields,
    )
    return [Translated(REGISTRATIONS, about.aor, event)]


def request_listing(context: Context, about: ContactEvent) -> None:
    """Have the user listed at once, or all users where MI cannot list this one."""
    if about.listing is not None:
        context.unclear = about.listing
    else:
        context.all_unclear = True


def note_live(
    context: Context, about: ContactEvent, expires: datetime | None, received: Received
) -> None:
    """Remember the contact as one that a listing must have, and when it expires."""
    if about.listing is not None:
        context.storage.reported(Probe(about.listing, about.binding, expires, received.seq))
        if context.in_database:
            context.expiries.set(about.listing, about.binding, expires)
