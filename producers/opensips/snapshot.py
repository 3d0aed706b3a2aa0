"""Listings → snapshot records: began, a row for each contact listed, ended.

Pure. All records of a snapshot stand at the place (seq, at) of its beginning.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from producers import uri_addresses
from producers.opensips.context import Context, Received, Translated
from producers.opensips.event import ServerEvent
from producers.opensips.listing import ListedContact
from producers.opensips.registrations import EXPIRES_MAX, peer
from producers.sip_proxy import contact
from schemas.codec import InvalidRecord, build
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind, Source


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing of one location table."""

    id: str
    node: str
    boot: str
    began: Received
    registrar: str

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


def begin(context: Context, began: Received, registrar: str) -> Snapshot:
    snapshot_id = f"{context.node}/{context.boot}/{began.seq}/{registrar}"
    return Snapshot(snapshot_id, context.node, context.boot, began, registrar)


def mark(snapshot: Snapshot, kind: RegistrationKind) -> Translated:
    event = build(RegistrationEvent, **snapshot.origin(kind.value), kind=kind)
    return Translated(REGISTRATIONS, snapshot.node, event)


def row(
    snapshot: Snapshot,
    listed: ListedContact,
    index: int,
    context: Context,
    connections: set[str] | None,
) -> Translated | None:
    """One contact listed; None when its connection is gone. Raises InvalidRecord.

    `connections` are the peers of the server's live connections, listed after the contacts: usrloc
    keeps contacts whose connection has ended until they expire. None: not known.
    """
    fields = ServerEvent("E_LISTED", {**listed.fields, "AOR": listed.aor, "C": listed.contact})
    aor = context.users.registered(fields.required("AOR"), "AOR")
    read = contact.read(fields.required("C", contact.CONTACT_MAX), "Contact")
    socket = contact.socket_of(fields.text("Socket"))
    transport = socket.transport if socket else uri_addresses.transport_of(read.uri)
    if socket and transport.is_connection:
        context.ports.add(socket.port)
    path = fields.word("Path")
    remote = peer(fields.word("Received"), path, read.uri, transport)
    if connections is not None and remote is not None and transport.is_connection:
        host = f"[{remote.ip}]" if ":" in remote.ip else remote.ip
        if not {f"{host}:{remote.port}", f"{remote.ip}:{remote.port}"} & connections:
            return None
    event = build(
        RegistrationEvent,
        **snapshot.origin(str(index)),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=aor,
        **contact.shown(read),
        binding=read.identity,
        transport=transport,
        call_id=fields.word("Callid"),
        cseq=fields.number("Cseq"),
        expires_at=listed_expiry(fields, snapshot.began.at),
        remote=remote,
        path=path,
        received=uri_addresses.received_by_edge(path),
        user_agent=fields.text("User-agent"),
    )
    return Translated(REGISTRATIONS, aor, event)


def listed_expiry(fields: ServerEvent, began: datetime) -> datetime | None:
    """When usrloc drops a contact listed at `began`; None: never. Raises InvalidRecord."""
    if fields.text("Expires") == "permanent" or (left := fields.number("Expires")) is None:
        return None
    if left > EXPIRES_MAX:
        raise InvalidRecord("Expires", "not a number of seconds")
    return began + timedelta(seconds=left)


def is_gone(listed: ListedContact) -> bool:
    """Whether the server itself no longer counts on it (`Expires` then holds a word)."""
    return listed.fields.get("Expires") in ("deleted", "expired")
