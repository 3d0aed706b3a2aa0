"""The rows that a switch's registration tables hold, as far as its events and listings showed them.

Pure. What the producer remembers to see that a user has a second row, or that two users share what
the switch matches rows on: then only the table knows what is left (producers/freeswitch/doubts.py).
"""

from collections import OrderedDict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import NamedTuple

USERS_MAX, ROWS_MAX = 100_000, 32
# The switch compares expiries in seconds; ours come from event times and seconds left.
_SAME_EXPIRY = timedelta(seconds=2)


class Row(NamedTuple):
    """What the rows of sip_registrations are matched on, beside user and host (sofia_reg.c).

    `contact` is the stored text; `binding` the identity that records give the row.
    """

    registrar: str
    contact: str
    call_id: str | None
    binding: str


class Shown(NamedTuple):
    """What last showed a row: its place among the switch's events, and the row's expiry."""

    seq: int
    expires_at: datetime | None


@dataclass(slots=True)
class _User:
    # As the switch names them in its commands.
    user: str
    host: str
    rows: dict[Row, Shown] = field(default_factory=dict)


@dataclass(slots=True)
class KnownRows:
    """Of one switch, by AOR. Beyond USERS_MAX users and ROWS_MAX rows each, the oldest leave."""

    _users: OrderedDict[str, _User] = field(default_factory=OrderedDict)
    # AORs by Call-ID and by contact: the switch matches on these across users, too.
    _sharing: dict[str, set[str]] = field(default_factory=dict)

    def rows(self, aor: str) -> dict[Row, Shown]:
        """The user's rows; not to be changed."""
        known = self._users.get(aor)
        return known.rows if known else {}

    def name_of(self, aor: str) -> tuple[str, str] | None:
        """User and host as the switch names them."""
        known = self._users.get(aor)
        return (known.user, known.host) if known else None

    def has_same_expiry(self, aor: str, call_id: str | None, expires_at: datetime) -> bool:
        """Whether a row of the user with this Call-ID may run out in the same second."""
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

    def add(self, aor: str, user: str, host: str, row: Row, shown: Shown) -> None:
        """A row is there, as an event or a listing showed."""
        known = self._users.setdefault(aor, _User(user, host))
        known.user, known.host = user, host
        self._users.move_to_end(aor)
        before = known.rows.pop(row, None)
        known.rows[row] = shown if before is None or before.seq < shown.seq else before
        for key in _keys(row):
            self._sharing.setdefault(key, set()).add(aor)
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


def is_same_expiry(one: datetime | None, other: datetime | None) -> bool:
    """Whether two rows may run out in the same second of the switch's."""
    return one is not None and other is not None and abs(one - other) < _SAME_EXPIRY


def _keys(row: Row) -> tuple[str, ...]:
    contact = f"contact {row.contact}"
    return (contact,) if row.call_id is None else (contact, f"call-id {row.call_id}")
