"""Rows of usrloc's location table, from ul.dump, ul.lookup or the script.

Pure. The table decides about registrations: its rows are what the registrar made of a REGISTER,
whatever the header asked for (usrloc's ucontact.c and urecord.c, registrar's save.c).
"""

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.kamailio.identities import ROWS_MAX, bare
from producers.kamailio.listing import ListedContact
from producers.sip_proxy import contact
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import expiry, listed_expiry
from producers.sip_proxy.known_bindings import Known
from producers.stored_contact import StoredContact
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.vocabulary import Transport

# What usrloc writes in place of the seconds left, for contacts that it no longer uses.
_GONE = ("deleted", "expired")


@dataclass(frozen=True, slots=True)
class Row:
    """One contact as stored. `text` is the whole URI, `connection` Kamailio's id of its TCP
    connection (-1 where it has none)."""

    text: str
    read: StoredContact
    call_id: str | None
    cseq: int | None
    expires_at: datetime | None
    transport: Transport
    remote: Address | None
    path: str | None
    user_agent: str | None
    instance: str | None
    reg_id: int
    connection: int

    @property
    def known(self) -> Known:
        """The binding as the producer remembers it."""
        return Known(self.text, self.call_id, self.cseq, listed=True)

    def fields(self) -> dict[str, Any]:
        """Its fields of schemas.registration.RegistrationEvent."""
        return {
            **contact.shown(self.read),
            "call_id": self.call_id,
            "cseq": self.cseq,
            "expires_at": self.expires_at,
            "transport": self.transport,
            "remote": self.remote,
            "path": self.path,
            "received": uri_addresses.received_by_edge(self.path),
            "user_agent": self.user_agent,
        }


def listed_row(listed: ListedContact, began: datetime) -> Row | None:
    """A row of ul.dump or ul.lookup; None where usrloc no longer uses it. Raises InvalidRecord."""
    fields = ServerEvent("listed", listed.fields)
    if fields.text("Expires") in _GONE:
        return None
    number = listed.fields.get("Tcpconn-Id")
    return _row(
        fields,
        {"text": "Address", "call_id": "Call-ID", "cseq": "CSeq", "received": "Received",
         "path": "Path", "agent": "User-Agent", "socket": "Socket", "instance": "Instance",
         "reg_id": "Reg-Id"},
        listed_expiry(fields, began),
        number if isinstance(number, int) else -1,
    )  # fmt: skip


class Fetched(NamedTuple):
    """What the script fetched of one user: the rows in use, and those that cannot be read.

    `is_empty`: the table held nothing, not even an expired row.
    """

    rows: list[Row]
    unreadable: list[UnreadableRow]
    is_empty: bool


def script_rows(text: str | None, now: datetime) -> Fetched | None:
    """The `contacts` of a `register`; None where there are none, or not all.

    Raises InvalidRecord.
    """
    if text is None:
        return None
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidRecord("contacts", f"not JSON: {error}"[:200]) from error
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise InvalidRecord("contacts", "not a list of contacts")
    if len(listed) > ROWS_MAX or not all(listed):
        return None  # a row that jansson could not write is empty
    rows, unreadable = [], []
    for one in listed:
        try:
            row = _script_row(one, now)
        except InvalidRecord as error:
            unreadable.append(UnreadableRow(one, error))
            continue
        if row is not None:
            rows.append(row)
    return Fetched(rows, unreadable, not listed)


def _script_row(given: dict[str, Any], now: datetime) -> Row | None:
    fields = ServerEvent("contacts", given)
    expires_at = expiry(fields, shown="contacts.expires")
    if expires_at is not None and expires_at + timedelta(seconds=1) <= now:
        return None  # expired, and not yet removed by usrloc's timer (VALID_CONTACT)
    names = {"text": "addr", "call_id": "callid", "cseq": "cseq", "received": "received",
             "path": "path", "agent": "ua", "socket": "socket", "instance": "instance",
             "reg_id": "regid"}  # fmt: skip
    return _row(fields, names, expires_at, fields.number("conid") or -1)


def _row(
    fields: ServerEvent, names: dict[str, str], expires_at: datetime | None, connection: int
) -> Row:
    text = fields.required(names["text"], contact.CONTACT_MAX)
    read = contact.read(text, names["text"])
    socket = contact.socket_of(fields.text(names["socket"]))
    transport = contact.transport_over(socket, text)
    path = fields.identifier(names["path"])
    instance = fields.identifier(names["instance"])
    return Row(
        text=text,
        read=read,
        call_id=fields.identifier(names["call_id"]),
        cseq=fields.number(names["cseq"]),
        expires_at=expires_at,
        transport=transport,
        remote=contact.peer(fields.identifier(names["received"]), path, read.uri, transport),
        path=path,
        user_agent=fields.text(names["agent"]),
        instance=bare(instance),
        reg_id=fields.number(names["reg_id"]) or 0,
        connection=connection,
    )
