"""The rows of a switch's registration tables, as far as its events and listings showed them. Pure.

They show that a user has a second row, or that two users share what the switch matches rows on:
then only the table knows which rows are left (table_tracker.py). And one row is one binding: rows
of one contact get different identities here, once a listing has shown them.
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b

from producers.freeswitch.rows import Name, Row, Shown, is_same_expiry
from producers.stored_contact import bounded_identity

USERS_MAX, ROWS_MAX = 100_000, 32


@dataclass(slots=True)
class _User:
    rows: dict[Row, Shown] = field(default_factory=dict)
    # Of rows that are there or were: two of one contact may differ by their names alone.
    names: dict[Name, None] = field(default_factory=dict)


@dataclass(slots=True)
class KnownRows:
    """Rows of one switch by AOR: of USERS_MAX users and ROWS_MAX rows each, the newest."""

    _users: OrderedDict[str, _User] = field(default_factory=OrderedDict)
    # Pairs of profiles of which one lists what was registered at the other.
    sharing_table: set[frozenset[str]] = field(default_factory=set)
    # AORs by Call-ID and by contact: the switch matches on these across users, too.
    _sharing: dict[str, set[str]] = field(default_factory=dict)

    def rows(self, aor: str) -> dict[Row, Shown]:
        """The user's rows; not to be changed."""
        known = self._users.get(aor)
        return known.rows if known else {}

    def identity_of(self, aor: str, row: Row, own: str, *, inserted: bool) -> str:
        """The identity for an event of a row: the one given before, else the contact's `own`.

        A row takes the place of another one of its contact until a listing shows both. One that a
        REGISTER `inserted` beside another profile's row of that identity is a binding of its own:
        profiles have tables of their own unless they share one (docs/freeswitch.md).
        """
        known = self.rows(aor)
        if row in known:
            return known[row].binding
        replaced = [
            shown
            for other, shown in known.items()
            if self.is_one(row, other)
            or (other.registrar, other.contact) == (row.registrar, row.contact)
        ]
        if replaced:
            return max(replaced, key=lambda shown: shown.seq).binding
        taken = inserted and any(
            shown.binding == own and other.registrar != row.registrar
            for other, shown in known.items()
        )
        return _distinct(row, own) if taken else own

    def is_one(self, row: Row, other: Row) -> bool:
        """Whether they are one row, named by two profiles of one table."""
        pair = frozenset((row.registrar, other.registrar))
        return pair in self.sharing_table and row.contact == other.contact

    def binding_of(self, aor: str, row: Row) -> str | None:
        """The identity that the row was given before."""
        shown = self.rows(aor).get(row)
        return shown.binding if shown else None

    def distinguish(self, aor: str, rows: Mapping[Row, str]) -> dict[Row, str]:
        """An identity for each of the user's rows as listed: the one given before, else the
        contact's own, which is the value in `rows`; of several that have one, the newest keeps it.
        """
        known = self.rows(aor)
        found: dict[Row, str] = {}
        for row in sorted(rows, key=lambda row: -(known[row].seq if row in known else -1)):
            binding = known[row].binding if row in known else rows[row]
            number = 0
            while binding in found.values():
                binding, number = _distinct(row, rows[row], number), number + 1
            found[row] = binding
        return found

    def names_of(self, aor: str) -> list[Name]:
        """Every name under which the switch may have rows of the user, the newest last."""
        known = self._users.get(aor)
        return list(known.names) if known else []

    def has_same_expiry(self, aor: str, call_id: str | None, expires_at: datetime | None) -> bool:
        """Whether a row of the user with this Call-ID may expire in the same second."""
        return any(
            row.call_id == call_id and is_same_expiry(shown.expires_at, expires_at)
            for row, shown in self.rows(aor).items()
        )

    def sharing(self, aor: str, row: Row) -> list[str]:
        """Other users with a row of the same Call-ID or the same contact."""
        found: set[str] = set()
        for key in _keys(row):
            found |= self._sharing.get(key, set())
        return sorted(found - {aor})

    def add(self, aor: str, name: Name, row: Row, shown: Shown) -> None:
        """A row is there under this name, as an event or a listing showed."""
        known = self._users.setdefault(aor, _User())
        self._users.move_to_end(aor)
        known.names.pop(name, None)
        known.names[name] = None
        before = known.rows.pop(row, None)
        if before is not None:
            newer = shown if before.seq <= shown.seq else before
            shown = newer._replace(registered_at=max(shown.registered_at, before.registered_at))
        known.rows[row] = shown
        for key in _keys(row):
            self._sharing.setdefault(key, set()).add(aor)
        if len(known.names) > ROWS_MAX:
            del known.names[next(iter(known.names))]
        if len(known.rows) > ROWS_MAX:
            self.remove(aor, next(iter(known.rows)))
        if len(self._users) > USERS_MAX:
            oldest = next(iter(self._users))
            self._drop(oldest, list(self._users[oldest].rows))

    def remove(self, aor: str, row: Row) -> None:
        """A row is gone."""
        self._drop(aor, [row])

    def listed(
        self, aor: str, rows: Collection[Row], registrars: Collection[str], seq: int
    ) -> None:
        """These are all the user's rows at these profiles when `seq` was the last event."""
        gone = [
            row
            for row, shown in self.rows(aor).items()
            if row.registrar in registrars and row not in rows and shown.seq <= seq
        ]
        self._drop(aor, gone)

    def aors(self) -> list[str]:
        return list(self._users)

    def _drop(self, aor: str, rows: Iterable[Row]) -> None:
        known = self._users.get(aor)
        if known is None:
            return
        for row in rows:
            known.rows.pop(row, None)
        left = {key for row in known.rows for key in _keys(row)}
        for row in rows:
            for key in _keys(row):
                sharing = self._sharing.get(key)
                if key in left or sharing is None:
                    continue
                sharing.discard(aor)
                if not sharing:
                    del self._sharing[key]
        if not known.rows:
            del self._users[aor]


def _distinct(row: Row, own: str, number: int = 0) -> str:
    digest = blake2b("\n".join(map(str, (*row, number))).encode("utf-8", "replace"), digest_size=8)
    return bounded_identity(f"{own}#{digest.hexdigest()}")


def _keys(row: Row) -> tuple[str, ...]:
    contact = f"contact {row.contact}"
    return (contact,) if row.call_id is None else (contact, f"call-id {row.call_id}")
