"""The script's `register` → registrations: what usrloc's table holds of the user after save().

Pure but for the context's memory of bindings. docs/kamailio.md defines the event. Where the script
passes no `contacts`, the header decides (producers/kamailio/register_header.py).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from producers.event_fields import IDENTIFIER_MAX
from producers.kamailio import register_header, table
from producers.kamailio.context import Context
from producers.kamailio.event import time_of
from producers.kamailio.identities import identities
from producers.kamailio.records import peer, registration, subject
from producers.kamailio.table import Row
from producers.receive_times import Received
from producers.sip_proxy.contact_header import is_star
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.known_bindings import Known
from producers.sip_proxy.user_listings import UserListing
from producers.translated import Translated
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport

# What save() returned (registrar's save.c); `_ASKED`: a REGISTER without a Contact.
_ADDED, _RENEWED, _ASKED = 1, 2, 4


def translate_register(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """Records of a REGISTER that save() accepted, or refused after it had changed the table.

    Raises InvalidRecord.
    """
    if event.number("result") == _ASKED:
        return []
    fetched = table.script_rows(event.raw("contacts"), time_of(event, received.at))
    if fetched is None:
        return register_header.translate(event, context, received)
    stored = event.number("result") in (_ADDED, _RENEWED)
    if stored and fetched.is_empty and not register_header.only_removes(event):
        # The contact was just stored, so the script could not read the table.
        return register_header.translate(event, context, received)
    context.unreadable += fetched.unreadable
    return _stored(event, fetched.rows, context, received)


def _stored(
    event: ServerEvent, rows: list[Row], context: Context, received: Received
) -> list[Translated]:
    """A record for each binding that this REGISTER made or renewed, and one for what is gone."""
    name, aor = subject(event, context)
    registrar = event.text("domain", IDENTIFIER_MAX) or context.table
    known = context.known.of(registrar, aor)
    named = dict(zip(identities(rows, context.matching), rows, strict=True))
    read_at = _read_at(event, received)
    if read_at is not None and context.known.is_outdated(registrar, aor, read_at):
        # Another process of the server has reported a later state of the table: the user is listed.
        context.unclear.append(UserListing(registrar, name, aor))
    else:
        context.known.replace(registrar, aor, {key: row.known for key, row in named.items()})
    transport, remote = peer(event, "src")
    records: list[dict[str, Any]] = []
    for key, row in named.items():
        fields: dict[str, Any] = {**row.fields(), "binding": key}
        if _is_own(event, row):
            fields |= {"transport": _secured(transport, row), "remote": remote}
            records.append({"kind": Kind.REFRESHED if key in known else Kind.REGISTERED, **fields})
        elif _is_known(known, key, row):
            continue
        elif row.transport.is_connection and row.path is None:
            # Only a listing shows the peer of its connection, and whether that still exists.
            context.unclear.append(UserListing(registrar, name, aor))
        else:
            mark = _mark(context, aor)
            records.insert(0, {"kind": Kind.SNAPSHOT_ROW, **fields, "snapshot": mark})
    if not any(record["kind"] is not Kind.SNAPSHOT_ROW for record in records):
        records.append(_nothing_left(event, context, aor, named))
    records[-1] |= {"remaining": list(named), "table_at": read_at}
    return registration(event, context, received, aor, registrar, records)


def _nothing_left(
    event: ServerEvent, context: Context, aor: str, left: Mapping[str, Row]
) -> dict[str, Any]:
    """The record of a REGISTER that owns none of the rows: it removed contacts, or was refused.

    A removed contact is shown for readers of the log; `left` decides which bindings have ended.
    """
    request = {
        "call_id": event.identifier("callid"),
        "cseq": event.number("cseq"),
        "user_agent": event.text("ua"),
    }
    if event.number("result") == 0 or not register_header.only_removes(event):
        return {"kind": Kind.SNAPSHOT_ENDED, "snapshot": _mark(context, aor)}
    if is_star(event.text("contact") or ""):
        return {"kind": Kind.WILDCARD, **request}
    removed = register_header.named_contact(event, context)
    if removed.get("binding") in left:
        removed = {}  # the table still holds a binding of that identity
    return {"kind": Kind.UNREGISTERED, **removed, **request}


def _is_own(event: ServerEvent, row: Row) -> bool:
    """Whether this REGISTER made or renewed the row.

    One that repeats an earlier CSeq over another connection is accepted, and renews nothing
    (get_ucontact() in usrloc's urecord.c).
    """
    if event.number("result") == 0:
        return False
    if (row.call_id, row.cseq) != (event.identifier("callid"), event.number("cseq")):
        return False
    connection = event.number("conid")
    return connection is None or row.connection in (-1, connection)


def _is_known(known: Mapping[str, Known], key: str, row: Row) -> bool:
    one = known.get(key)
    return one is not None and (one.contact, one.call_id) == (row.text, row.call_id)


def _secured(transport: Transport, row: Row) -> Transport:
    """`$proto`, except that a row over TLS' WebSocket is `wss`."""
    return row.transport if row.transport is Transport.WSS else transport


def _mark(context: Context, aor: str) -> str:
    return f"{context.node}/{context.boot}/{aor}"[:255]


def _read_at(event: ServerEvent, received: Received) -> datetime | None:
    """When the script read the table; bindings confirmed since may be missing from it."""
    read = event.raw("read")
    return time_of(event, received.at, "read") if read is not None else None
