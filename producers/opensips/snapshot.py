"""Contacts listed → rows, and rows → snapshot records. Pure."""

import re
from datetime import datetime
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.opensips.context import Context
from producers.opensips.listed_contact import ListedContact
from producers.opensips.live_contact import Registration
from producers.sip_proxy import contact, snapshot
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import listed_expiry
from producers.sip_proxy.snapshot import Snapshot
from producers.translated import Translated
from schemas.origin import Address
from schemas.vocabulary import Transport

_is_contact_id = re.compile(r"[0-9]{1,20}").fullmatch


class Row(NamedTuple):
    """One contact listed: its user, its identity, its peer, and the record's other fields.

    `name` is the user's in the table, `registration` Call-ID and CSeq, `uri` the contact's text, as
    the events name them. `duplicate_of`: the identity that it shares with another row.
    `names_peer`: `remote` is where its connection came from. Not so without `received`, where it is
    what the Contact names, and behind a proxy, whose connection its clients share: with save()'s
    path-received `received` is the client's address there.
    """

    name: str
    aor: str
    binding: str
    uri: str
    transport: Transport
    remote: Address | None
    registration: Registration
    contact_id: int
    names_peer: bool
    fields: dict[str, Any]
    duplicate_of: str | None = None


def read(listed: ListedContact, context: Context, began: datetime) -> Row:
    """Raises InvalidRecord."""
    fields = ServerEvent("E_LISTED", {**listed.fields, "AOR": listed.aor, "C": listed.contact})
    aor = context.users.stored(fields.required("AOR"), "AOR")
    text = fields.required_contact("C", contact.CONTACT_MAX)
    stored = contact.read(text, "Contact")
    socket = contact.socket_of(fields.text("Socket"))
    transport = contact.transport_over(socket, text)
    if socket and transport.is_connection:
        context.ports.add(socket.port)
    path, call_id = fields.identifier("Path"), fields.identifier("Callid")
    received = fields.identifier("Received")
    remote = contact.peer(received, path, stored.uri, transport)
    cseq = fields.number("Cseq")
    return Row(
        listed.aor,
        aor,
        context.matching.identity(stored, text, call_id),
        text,
        transport,
        remote,
        (call_id, cseq),
        _contact_id(fields.text("ContactID")),
        received is not None and path is None,
        {
            **contact.shown(stored),
            "call_id": call_id,
            "cseq": cseq,
            "expires_at": listed_expiry(fields, began),
            "path": path,
            "received": uri_addresses.received_by_edge(path),
            "user_agent": fields.text("User-agent"),
        },
    )


def is_connected(row: Row, connections: set[str] | None) -> bool:
    """Whether the contact's connection lives, as far as it is known.

    `connections` are the peers of the server's live connections, listed after the contacts: usrloc
    keeps contacts whose connection has ended until they expire. None: not known.
    """
    if connections is None or row.remote is None or not row.transport.is_connection:
        return True
    if not row.names_peer:
        return True
    ip, port = row.remote.ip, row.remote.port
    host = f"[{ip}]" if ":" in ip else ip
    return bool({f"{host}:{port}", f"{ip}:{port}"} & connections)


def record(taken: Snapshot, row: Row, index: int) -> Translated:
    """The record of one contact listed. Raises InvalidRecord."""
    place = {"binding": row.binding, "transport": row.transport, "remote": row.remote}
    return snapshot.row(taken, index, row.aor, {**place, **row.fields})


def _contact_id(text: str | None) -> int:
    """usrloc's own number of a contact, of 64 bits, which grows; 0 where it has none."""
    return int(text) if text is not None and _is_contact_id(text) else 0
