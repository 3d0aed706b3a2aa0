"""Listings → snapshot records: began, a row for each contact listed, ended.

Pure. All records of a snapshot stand at the place (seq, at) of its beginning.
"""

from dataclasses import dataclass
from typing import Any

from producers import uri_addresses
from producers.kamailio.context import Context
from producers.kamailio.listing import ListedContact
from producers.opensips.context import Received, Translated
from producers.opensips.event import ServerEvent
from producers.opensips.registrations import peer
from producers.opensips.snapshot import listed_expiry
from producers.sip_proxy import contact
from schemas.codec import build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind

# usrloc's words for contacts that it no longer counts on, in place of the seconds left.
_GONE = ("deleted", "expired")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing of one location table."""

    context: Context
    boot: str
    began: Received
    table: str

    def origin(self, suffix: str) -> dict[str, Any]:
        at, seq = self.began
        name = f"{self.context.node}/{self.boot}/{seq}/{self.table}"
        return {
            **self.context.origin(seq, at),
            "id": f"{name}/{suffix}",
            "boot": self.boot,
            "snapshot": name,
            "registrar": self.table,
        }


def mark(snapshot: Snapshot, kind: RegistrationKind) -> Translated:
    event = build(RegistrationEvent, **snapshot.origin(kind.value), kind=kind)
    return Translated(REGISTRATIONS, snapshot.context.node, event)


def row(
    snapshot: Snapshot, listed: ListedContact, index: int, connections: dict[int, Address] | None
) -> Translated | None:
    """One contact listed; None when it is gone, or its connection is. Raises InvalidRecord.

    `connections` were listed after the contacts; None: not known. usrloc keeps contacts whose
    connection has ended until they expire, unless handle_lost_tcp is on.
    """
    fields = ServerEvent("listed", {**listed.fields, "AoR": listed.aor})
    if fields.text("Expires") in _GONE:
        return None
    aor = snapshot.context.users.registered(listed.aor, "AoR")
    read = contact.read(fields.required("Address", contact.CONTACT_MAX), "Address")
    socket = contact.socket_of(fields.text("Socket"))
    transport = socket.transport if socket else uri_addresses.transport_of(read.uri)
    path = fields.word("Path")
    remote = peer(fields.word("Received"), path, read.uri, transport)
    if connections is not None and transport.is_connection and path is None:
        remote = connections.get(_connection(listed))
        if remote is None:
            return None
    event = build(
        RegistrationEvent,
        **snapshot.origin(str(index)),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=aor,
        **contact.shown(read),
        binding=read.identity,
        transport=transport,
        call_id=fields.word("Call-ID"),
        cseq=fields.number("CSeq"),
        expires_at=listed_expiry(fields, snapshot.began.at),
        remote=remote,
        path=path,
        received=uri_addresses.received_by_edge(path),
        user_agent=fields.text("User-Agent"),
    )
    return Translated(REGISTRATIONS, aor, event)


def _connection(listed: ListedContact) -> int:
    number = listed.fields.get("Tcpconn-Id")
    return number if isinstance(number, int) else -1
