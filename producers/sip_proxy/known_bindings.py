"""The bindings of each user that the registrar's table held when it was last read.

Not thread-safe: callers hold the intake's lock. Bounded; what is forgotten costs a repeated record,
no error.
"""

from collections import OrderedDict
from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

USERS_MAX = 200_000
READS_MAX = 10_000  # users whose rows were read last
BINDINGS_MAX = 32  # of one user: of one with more, none are remembered


class Known(NamedTuple):
    """A binding: its contact as stored, its REGISTER, and whether it was read from the table."""

    contact: str
    call_id: str | None
    cseq: int | None
    listed: bool


class KnownBindings:
    """By (table, AOR) the bindings by identity."""

    def __init__(self) -> None:
        self._users: OrderedDict[tuple[str, str], dict[str, Known]] = OrderedDict()
        self._reads: OrderedDict[tuple[str, str], datetime] = OrderedDict()

    def is_outdated(self, table: str, aor: str, read_at: datetime) -> bool:
        """Whether a later reading of the user's rows is known; else this one is remembered.

        Reports of two of the server's processes may overtake each other.
        """
        last = self._reads.pop((table, aor), read_at)
        self._reads[table, aor] = max(last, read_at)
        if len(self._reads) > READS_MAX:
            self._reads.popitem(last=False)
        return read_at < last

    def of(self, table: str, aor: str) -> Mapping[str, Known]:
        """The user's bindings; empty where none is remembered."""
        return self._users.get((table, aor), {})

    def add(self, table: str, aor: str, identity: str, known: Known) -> None:
        """Remember a binding that was made or renewed."""
        self._put(table, aor, {**self.of(table, aor), identity: known})

    def remove(self, table: str, aor: str, identity: str) -> None:
        bindings = self._users.get((table, aor))
        if bindings is not None:
            bindings.pop(identity, None)

    def replace(self, table: str, aor: str, bindings: Mapping[str, Known]) -> None:
        """Remember these as all that the table holds of the user."""
        self._put(table, aor, dict(bindings))

    def named(self, table: str, aor: str, contact: str) -> str | None:
        """The identity of the user's binding whose stored contact is `contact`."""
        for identity, known in self.of(table, aor).items():
            if known.contact == contact:
                return identity
        return None

    def made_by(self, table: str, aor: str, call_id: str | None) -> str | None:
        """The identity of the one binding that the table holds of this Call-ID, else None."""
        found = [
            identity
            for identity, known in self.of(table, aor).items()
            if known.listed and known.call_id == call_id
        ]
        return found[0] if call_id is not None and len(found) == 1 else None

    def _put(self, table: str, aor: str, bindings: dict[str, Known]) -> None:
        self._users.pop((table, aor), None)
        if bindings and len(bindings) <= BINDINGS_MAX:
            self._users[table, aor] = bindings
            if len(self._users) > USERS_MAX:
                self._users.popitem(last=False)
