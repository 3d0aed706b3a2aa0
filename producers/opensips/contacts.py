"""What the producer remembers of contacts: to recognise replayed INSERTs and repeated pings.

OpenSIPS marks neither: it raises E_UL_CONTACT_INSERT whenever a contact comes into memory (usrloc's
mem_insert_ucontact()), new or read from its database, and a ping's answer raises an event each
time. Bounded; what is forgotten costs a repeat, no error.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

from schemas.origin import Address

MAX_CONTACTS = 200_000
# Two INSERTs of one contact without a DELETE between, less apart than this, are one event that
# came twice (two subscriptions).
REPEAT = timedelta(seconds=1)
# A contact removed this soon after its connection's end was removed because of it.
DISCONNECT_WINDOW = timedelta(milliseconds=50)
# The records of users that a starting server makes anew from its database come within this time.
RECORDS_WINDOW = timedelta(seconds=30)
# So many users' records were there and are made anew: the server's memory is new.
RECORDS_OF_A_START = 2
_MAX_RECORDS = 1000


class Insert(Enum):
    """What an INSERT is, by what was there before."""

    NEW = "new"
    REPLAYED = "replayed"  # the same registration once more, read from a database
    UNEXPECTED = "unexpected"  # of a contact never deleted: it was forgotten, or events were lost


class _Live(NamedTuple):
    registration: int
    at: datetime
    user: int


class Contacts:
    """Keys are (AOR, binding)."""

    def __init__(self) -> None:
        self._live: OrderedDict[int, _Live] = OrderedDict()
        self._of_user: dict[int, tuple[int, ...]] = {}
        self._pings: OrderedDict[int, int] = OrderedDict()
        self._disconnects: deque[tuple[Address, datetime]] = deque(maxlen=1000)
        self._records: OrderedDict[int, datetime] = OrderedDict()
        self._remade: OrderedDict[int, datetime] = OrderedDict()

    def inserted(
        self, aor: str, binding: str, registration: object, at: datetime
    ) -> tuple[Insert, datetime | None]:
        """What the INSERT is, and since when the contact was there; from now on it is live.

        `registration` is Call-ID and CSeq.
        """
        key, fingerprint = hash((aor, binding)), hash(registration)
        known = self._live.get(key)
        if known is not None and known.registration == fingerprint:
            return Insert.REPLAYED, known.at
        self.registered(aor, binding, registration, at)
        if known is None or at - known.at < REPEAT:
            return Insert.NEW, None
        return Insert.UNEXPECTED, known.at

    def registered(self, aor: str, binding: str, registration: object, at: datetime) -> None:
        key, user = hash((aor, binding)), hash(aor)
        if key not in self._live:
            self._of_user[user] = (*self._of_user.get(user, ()), key)
        self._live[key] = _Live(hash(registration), at, user)
        self._live.move_to_end(key)
        if len(self._live) > MAX_CONTACTS:
            oldest, forgotten = self._live.popitem(last=False)
            self._forget(oldest, forgotten.user)
        self._pings.pop(key, None)

    def knows(self, aor: str, binding: str) -> bool:
        return hash((aor, binding)) in self._live

    def count(self, aor: str) -> int:
        """How many contacts of the user are live."""
        return len(self._of_user.get(hash(aor), ()))

    def moved(self, aor: str, binding: str, registration: object) -> bool:
        """Whether a binding so far unknown is one of the user's others, under another URI.

        So it is where others are live, none of them of this very REGISTER.
        """
        key, fingerprint = hash((aor, binding)), hash(registration)
        others = [self._live[other] for other in self._of_user.get(hash(aor), ()) if other != key]
        return bool(others) and all(other.registration != fingerprint for other in others)

    def deleted(self, aor: str, binding: str) -> None:
        key = hash((aor, binding))
        if (known := self._live.pop(key, None)) is not None:
            self._forget(key, known.user)
        self._pings.pop(key, None)

    def pinged(self, aor: str, binding: str, *, answered: bool) -> tuple[int | None, int]:
        """Pings lost in a row before and now; None before the first."""
        key = hash((aor, binding))
        before = self._pings.get(key)
        now = 0 if answered else (before or 0) + 1
        self._pings[key] = now
        self._pings.move_to_end(key)
        if len(self._pings) > MAX_CONTACTS:
            self._pings.popitem(last=False)
        return before, now

    def record_made(self, aor: str, at: datetime) -> None:
        """usrloc made the user's record in its memory (E_UL_AOR_INSERT)."""
        user = hash(aor)
        if user in self._of_user:
            _put(self._records, user, at)

    def record_remade(self, aor: str, since: datetime, at: datetime) -> bool:
        """Whether the server's memory is new: it replays a contact that was there at `since`.

        One user's record shows nothing. Records of several users, made anew though they were never
        deleted, show it (mem_insert_urecord(): only where usrloc keeps its contacts in memory).
        """
        user = hash(aor)
        made = self._records.get(user)
        if made is None or made - since < REPEAT or at - made > RECORDS_WINDOW:
            return False
        _put(self._remade, user, made)
        recent = [when for when in self._remade.values() if at - when <= RECORDS_WINDOW]
        return len(recent) >= RECORDS_OF_A_START

    def disconnected(self, remote: Address, at: datetime) -> None:
        self._disconnects.append((remote, at))

    def lost_connection(self, remote: Address | None, at: datetime) -> bool:
        """Whether the connection from `remote` has ended this very moment."""
        return any(
            known == remote and at - when <= DISCONNECT_WINDOW
            for known, when in reversed(self._disconnects)
        )

    def _forget(self, key: int, user: int) -> None:
        left = tuple(other for other in self._of_user.get(user, ()) if other != key)
        if left:
            self._of_user[user] = left
        else:
            self._of_user.pop(user, None)


def _put(records: OrderedDict[int, datetime], user: int, at: datetime) -> None:
    records[user] = at
    records.move_to_end(user)
    if len(records) > _MAX_RECORDS:
        records.popitem(last=False)
