"""Pairs the bindings that presence shows with the rows that nodes list. Pure."""

from collections.abc import Callable

from operate.audit import excuses
from operate.audit.listing import Row
from operate.audit.user import User, identity_of, key_of
from schemas.presence import PresenceBinding
from schemas.vocabulary import ContactForm


def pair(
    user: User,
) -> tuple[list[tuple[PresenceBinding, Row]], list[PresenceBinding], list[Row]]:
    """Shown contacts paired with their rows; contacts without a row; rows that are not shown."""
    pairs: list[tuple[PresenceBinding, Row]] = []
    unlisted: list[PresenceBinding] = []
    left = list(user.rows)
    for shown in user.shown:
        if shown.node not in user.listings:
            continue
        rows = [row for row in left if _is_of(shown, row)]
        if not rows:
            unlisted.append(shown)
            continue
        # A contact registered with two profiles of a node is one binding.
        rows.sort(key=lambda row: row.event.registrar == shown.registrar)
        pairs.append((shown, rows[-1]))
        left = [row for row in left if row not in rows]
    return pairs, unlisted, left


def _is_of(shown: PresenceBinding, row: Row) -> bool:
    """Whether a row has the contact shown; a user's Verto clients differ only in their address."""
    event = row.event
    if event.node != shown.node or identity_of(event.contact or "") != identity_of(shown.contact):
        return False
    return shown.contact_form is not ContactForm.NOT_SIP or event.remote in (None, shown.remote)


def is_same_binding(user: User, shown: PresenceBinding, row: Row) -> bool:
    """Whether a row with another contact is of that binding, by its session or its address."""
    event, known = row.event, user.known(shown)
    if event.node != shown.node:
        return False
    if known is not None:
        return known[0] == key_of(event)
    address = excuses.address_listed(shown, event)
    return address is not None and address == shown.remote


def take(
    unlisted: list[PresenceBinding], is_it: Callable[[PresenceBinding], bool]
) -> PresenceBinding | None:
    """Remove the first that matches from the list, and return it."""
    found = next((one for one in unlisted if is_it(one)), None)
    if found is not None:
        unlisted.remove(found)
    return found
