"""Listings → snapshot records: began, a row for each contact listed, ended.

Pure. All records of a snapshot stand at the place (seq, at) of its beginning.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

from producers.kamailio import table
from producers.kamailio.context import Context
from producers.kamailio.listing import ListedContact
from producers.kamailio.table import Row
from producers.receive_times import Received
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.known_bindings import Known
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One listing of one location table, or with `aor` of one user in it."""

    context: Context
    boot: str
    began: Received
    table: str
    aor: str | None = None

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


class Listed(NamedTuple):
    """One binding that usrloc counts on; `contact` is its row as it came."""

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
            table.identities((row for row, _ in rows), context.matching), rows, strict=True
        )
    ]


def known(listed: Iterable[Listed]) -> dict[str, dict[str, Known]]:
    """What to remember of each user listed, by AOR."""
    users: dict[str, dict[str, Known]] = {}
    for aor, identity, row, _ in listed:
        users.setdefault(aor, {})[identity] = row.known
    return users


def mark(
    snapshot: Snapshot, kind: RegistrationKind, remaining: list[str] | None = None
) -> Translated:
    """Its beginning or end; with `remaining` what the table held of the one user."""
    event = build(
        RegistrationEvent,
        **snapshot.origin(kind.value),
        kind=kind,
        aor=snapshot.aor,
        remaining=remaining,
    )
    return Translated(REGISTRATIONS, snapshot.aor or snapshot.context.node, event)


def record(
    snapshot: Snapshot, listed: Listed, index: int, connections: dict[int, Address] | None
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
    event = build(
        RegistrationEvent,
        **snapshot.origin(str(index)),
        kind=RegistrationKind.SNAPSHOT_ROW,
        aor=listed.aor,
        binding=listed.identity,
        **row.fields(),
    )
    return Translated(REGISTRATIONS, listed.aor, event)
