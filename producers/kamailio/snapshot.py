"""Contacts listed → the bindings that usrloc holds, and their snapshot rows. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from producers.kamailio import table
from producers.kamailio.context import Context
from producers.kamailio.identities import identities
from producers.kamailio.listing import ListedContact
from producers.kamailio.table import Row
from producers.sip_proxy import snapshot
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.known_bindings import Known
from producers.sip_proxy.snapshot import Snapshot
from producers.translated import Translated
from schemas.codec import InvalidRecord
from schemas.origin import Address


class Listed(NamedTuple):
    """One binding that usrloc holds; `contact` is its row as it came."""

    aor: str
    identity: str
    row: Row
    contact: ListedContact


def read(
    listed: Iterable[ListedContact],
    context: Context,
    began: datetime,
    refuse: Callable[[UnreadableRow], None],
) -> list[Listed]:
    """The bindings listed, each with its identity; `refuse` gets what cannot be read."""
    users: dict[str, list[tuple[Row, ListedContact]]] = {}
    for one in listed:
        try:
            row = table.listed_row(one, began)
            if row is not None:
                users.setdefault(context.users.stored(one.aor, "AoR"), []).append((row, one))
        except InvalidRecord as error:
            refuse(UnreadableRow(one, error))
    return [
        Listed(aor, identity, row, one)
        for aor, rows in users.items()
        for identity, (row, one) in zip(
            identities((row for row, _ in rows), context.matching), rows, strict=True
        )
    ]


def known(listed: Iterable[Listed]) -> dict[str, dict[str, Known]]:
    """What to remember of each user listed, by AOR."""
    users: dict[str, dict[str, Known]] = {}
    for aor, identity, row, _ in listed:
        users.setdefault(aor, {})[identity] = row.known
    return users


def record(
    taken: Snapshot, listed: Listed, index: int, connections: dict[int, Address] | None
) -> Translated | None:
    """One binding listed; None when its connection is gone. Raises InvalidRecord.

    `connections` were listed after the contacts; None: not known. usrloc keeps contacts whose
    connection has ended until they expire, unless handle_lost_tcp is on.
    """
    row = listed.row
    if connections is not None and row.transport.is_connection and row.path is None:
        remote = connections.get(row.connection)
        if remote is None:
            return None
        row = replace(row, remote=remote)
    return snapshot.row(taken, index, listed.aor, {"binding": listed.identity, **row.fields()})
