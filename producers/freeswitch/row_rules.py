"""How an event's row relates to another row of the user: replaced, ended, renewed. Pure.

The rules of producers/freeswitch/matching.py, applied to rows that are known (known_rows.py).
"""

from collections.abc import Mapping
from datetime import datetime

from producers.freeswitch import contact
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.matching import Mode
from producers.freeswitch.rows import Name, Row, Shown, is_same_expiry
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind as Kind

# Of two rows: same contact?, same Call-ID?
Relation = tuple[bool, bool]
APART: Relation = (False, False)
SAME: Relation = (True, True)


def row_of(event: SwitchEvent, record: RegistrationEvent) -> Row:
    """The row that an event with a contact is about."""
    return Row(
        record.registrar or "",
        contact.text_of(event),
        record.call_id,
    )


def name_in(event: SwitchEvent) -> Name:
    """Whose row an event is about; sofia::expire has headers of its own."""
    if event.name == "sofia::expire":
        return Name(event.required("user", 1024), event.required("host"))
    return Name(event.required("from-user", 1024), event.required("from-host"))


def is_renewed(
    known: Mapping[Row, Shown], own: Row, other: Row, expires_at: datetime | None
) -> bool:
    """Whether the REGISTER that made `own` has renewed the `other` profile's row instead.

    A row that `own`'s client left there keeps its expiry.
    """
    if own not in known or other not in known:
        return False  # ended since, or not reported yet
    registered = known[own].expires_at
    before = known[other].expires_at
    return is_same_expiry(registered, expires_at) and not is_same_expiry(registered, before)


def relation_of(row: Row, other: Row) -> Relation:
    """Which of the texts that the switch matches on two rows share."""
    return row.contact == other.contact, row.call_id == other.call_id


def is_replaced(mode: Mode, record: RegistrationEvent, row: Row, other: Row) -> bool:
    """Whether a REGISTER that made `row` has left no `other` of the same user, for certain."""
    if row.registrar != other.registrar:
        return False
    if mode == "off":
        return True
    if row.contact == other.contact and (mode == "contact" or record.kind is Kind.REFRESHED):
        return True
    return mode == "call-id" and record.replaces_call_id and row.call_id == other.call_id


def is_ended(mode: Mode, row: Row, other: Row) -> bool:
    """Whether a REGISTER with `Expires: 0` has deleted `other`, for certain."""
    if row.registrar != other.registrar:
        return False
    if mode == "off":
        return True
    if mode == "call-id":
        return row.call_id == other.call_id
    return mode == "contact" and row.contact == other.contact
