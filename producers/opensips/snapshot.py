"""Listings → snapshot records: began, a row for each contact listed, ended.

Pure. All records of a snapshot stand at the place (seq, at) of its beginning.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.opensips.context import Context
from producers.opensips.listing import ListedContact
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import listed_expiry
from producers.translated import Translated
from schemas.codec import build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind, Source, Transport

_is_contact_id = re.compile(r"[0-9]{1,20}").fullmatch


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing of one location table, or with `aor` of one user in it."""

    id: str
    node: str
    boot: str
    began: Received
    registrar: str
    aor: str | None = None

    def origin(self, suffix: str) -> dict[str, Any]:
        return {
            "id": f"{self.id}/{suffix}",
            "source": Source.OPENSIPS,
            "node": self.node,
            "boot": self.boot,
            "seq": self.began.seq,
            "at": self.began.at,
            "snapshot": self.id,
            "registrar": self.registrar,
        }


class Row(NamedTuple):
    """One contact listed: whose, under which identity, from where, and the record's other fields.

    `name` is the user's in the table, `registration` Call-ID and CSeq, `uri` the contact's text, as
    the events name them. `twin_of`: the identity that it shares with another row. `names_peer`:
    `remote` is where its connection came from. Not so without `received`, where it is what the
    Contact says, and behind a proxy, whose connection is nobody's: with save()'s path-received
    `received` is the client's address there.
    """

    name: str
    aor: str
    binding: str
    uri: str
    transport: Transport
    remote: Address | None
    registration: tuple[str | None, int | None]
    contact_id: int
    names_peer: bool
    fields: dict[str, Any]
    twin_of: str | None = None


def begin(context: Context, began: Received, registrar: str, aor: str | None = None) -> Snapshot:
    snapshot_id = f"{context.node}/{context.boot}/{began.seq}/{registrar}"
    return Snapshot(snapshot_id, context.node, context.boot, began, registrar, aor)


def mark(
    snapshot: Snapshot,
    kind: RegistrationKind,
    remaining: list[str] | None = None,
    lag: timedelta = timedelta(),
) -> Translated:
    """Its beginning or end; with `remaining` the identities that the table held of the user.

    `lag`: how much later than its events the table is written.
    """
    event = build(
        RegistrationEvent,
        **snapshot.origin(kind.value),
        kind=kind,
        aor=snapshot.aor,
        remaining=remaining,
        table_at=snapshot.began.at - lag if remaining is not None else None,
    )
    return Translated(REGISTRATIONS, snapshot.aor or snapshot.node, event)


def read(listed: ListedContact, context: Context, began: Received) -> Row:
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
            "expires_at": listed_expiry(fields, began.at),
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


def record(snapshot: Snapshot, row: Row, index: int) -> Translated:
    """One contact listed. Raises InvalidRecord."""
    event = build(
        RegistrationEvent,
        **snapshot.origin(str(index)),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=row.aor,
        binding=row.binding,
        transport=row.transport,
        remote=row.remote,
        **row.fields,
    )
    return Translated(REGISTRATIONS, row.aor, event)


def _contact_id(text: str | None) -> int:
    """usrloc's own number of a contact, of 64 bits, which grows; 0 where it has none."""
    return int(text) if text is not None and _is_contact_id(text) else 0


def is_gone(listed: ListedContact) -> bool:
    """Whether the server itself no longer counts on it: VALID_CONTACT() in usrloc's ucontact.h.

    In the second in which it expires ul_mi.c writes a 0, afterwards a word.
    """
    return listed.fields.get("Expires") in ("deleted", "expired", "0")
