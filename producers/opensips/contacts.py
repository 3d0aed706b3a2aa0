"""What the producer remembers of contacts: to recognise replayed INSERTs and repeated pings.

OpenSIPS marks neither: it raises E_UL_CONTACT_INSERT whenever a contact comes into memory (usrloc's
mem_insert_ucontact()), new or read from its database, and a ping's answer raises an event each
time. Bounded; what is forgotten costs a repeat, no error.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum
from typing import NamedTuple

MAX_CONTACTS = 200_000
# Two INSERTs of one contact without a DELETE between, less apart than this, are one event that
# came twice (two subscriptions).
REPEAT = timedelta(seconds=1)
# A listing's row of a contact whose end was reported this shortly before is not believed
# (streams.folds.ordering.LISTING_LAG).
ENDS_KEPT = timedelta(seconds=3)
_MAX_ENDED = 1000
_UNSETTLED = 0  # no URI's hash


class Insert(Enum):
    """What an INSERT is, by what was there before."""

    NEW = "new"
    REPEATED = "repeated"  # the same event by a second subscription
    REPLAYED = "replayed"  # the same registration once more, read from a database
    UNEXPECTED = "unexpected"  # another registration of a contact that was never deleted


Registration = tuple[str | None, int | None]


class _Live(NamedTuple):
    """`others` and `call_ids`: registrations, and Call-IDs, that this one was inserted beside.

    `loose`: it may be taken for another (ContactMatching.may_take_another()).
    """

    registration: int
    call_id: int
    uri: int
    at: datetime
    user: int
    others: frozenset[int]
    call_ids: frozenset[int]
    loose: bool


class Contacts:
    """Keys are (AOR, binding); a registration is its Call-ID and CSeq."""

    def __init__(self) -> None:
        self._live: OrderedDict[int, _Live] = OrderedDict()
        self._of_user: dict[int, tuple[int, ...]] = {}
        self._twins: dict[int, frozenset[int]] = {}
        self._ended: OrderedDict[int, datetime] = OrderedDict()
        self._pings: OrderedDict[int, int] = OrderedDict()

    def inserted(
        self,
        aor: str,
        binding: str,
        registration: Registration,
        at: datetime,
        uri: str | None = None,
        *,
        loose: bool = False,
    ) -> tuple[Insert, datetime | None]:
        """What the INSERT is, and since when the contact was there; from now on it is live."""
        key = hash((aor, binding))
        known = self._live.get(key)
        same = hash(registration), hash(uri)
        if known is not None and (known.registration, known.uri) == same:
            return (Insert.REPEATED if at - known.at < REPEAT else Insert.REPLAYED), known.at
        self.registered(aor, binding, registration, at, uri, loose=loose)
        if known is not None:
            others, call_ids = known.others | {known.registration}, known.call_ids
            if known.call_id != hash(registration[0]):
                call_ids |= {known.call_id}
            self._live[key] = self._live[key]._replace(others=others, call_ids=call_ids)
        if known is None or at - known.at < REPEAT:
            return Insert.NEW, None
        return Insert.UNEXPECTED, known.at

    def registered(
        self,
        aor: str,
        binding: str,
        registration: Registration,
        at: datetime,
        uri: str | None = None,
        *,
        loose: bool = False,
    ) -> None:
        """`uri` is the contact as it was written, which its binding may outlive."""
        key, user = hash((aor, binding)), hash(aor)
        known = self._live.get(key)
        if known is None:
            self._of_user[user] = (*self._of_user.get(user, ()), key)
        none = frozenset[int]()
        beside = (known.others, known.call_ids) if known is not None else (none, none)
        call_id = hash(registration[0])
        self._live[key] = _Live(hash(registration), call_id, hash(uri), at, user, *beside, loose)
        self._live.move_to_end(key)
        if len(self._live) > MAX_CONTACTS:
            oldest, forgotten = self._live.popitem(last=False)
            self._forget(oldest, forgotten.user)
        self._pings.pop(key, None)

    def knows(self, aor: str, binding: str) -> bool:
        return hash((aor, binding)) in self._live

    def moves(self, aor: str, binding: str, uri: str) -> bool:
        """Whether the binding is known by another URI, or not at all."""
        known = self._live.get(hash((aor, binding)))
        return known is None or known.uri != hash(uri)

    def count(self, aor: str) -> int:
        """How many contacts of the user are live."""
        return len(self._of_user.get(hash(aor), ()))

    def removed_one(self, aor: str, binding: str, registration: Registration) -> bool | None:
        """Whether a DELETE leaves another registration of the same contact.

        Another was inserted without a DELETE of the first: usrloc may match by Call-ID, too
        (matching_mode 1), or reports an end late, with its timer (write-back), which comes after
        the INSERT of the next one. True: it is of the first, the other one stays. None: it is of
        the last, and whether one of another Call-ID is still there nothing shows; or of one that is
        not known, for what was listed since, or events that were lost.
        """
        key = hash((aor, binding))
        call_id, gone = hash(registration[0]), hash(registration)
        known = self._live.get(key)
        if known is None:
            return False
        if gone == known.registration:
            return None if known.call_ids else False
        if call_id in known.call_ids and call_id != known.call_id:
            self._live[key] = known._replace(call_ids=known.call_ids - {call_id})
            return True
        if gone in known.others:
            self._live[key] = known._replace(others=known.others - {gone})
            return True
        return None

    def unsettle(self, aor: str, binding: str) -> None:
        """One of several has ended, a listing shows which: till then no INSERT repeats another."""
        key = hash((aor, binding))
        if (known := self._live.get(key)) is not None:
            self._live[key] = known._replace(uri=_UNSETTLED)

    def has_loose(self, aor: str) -> bool:
        """Whether one of the user's contacts may be taken for another of several."""
        keys = self._of_user.get(hash(aor), ())
        return len(keys) > 1 and any(self._live[key].loose for key in keys)

    def twins(self, aor: str, bindings: Iterable[str]) -> None:
        """The user was listed: these contacts stand in the table several times."""
        user, keys = hash(aor), frozenset(hash((aor, binding)) for binding in bindings)
        if keys and user in self._of_user:
            self._twins[user] = keys
        else:
            self._twins.pop(user, None)

    def has_twins(self, aor: str, binding: str) -> bool:
        """Whether the table was last seen to have the contact several times: an event of it may be
        of each.
        """
        return hash((aor, binding)) in self._twins.get(hash(aor), ())

    def moved(self, aor: str, binding: str, registration: Registration) -> bool:
        """Whether a binding so far unknown is one of the user's others, under another URI.

        So it is where others are live, none of them of this very REGISTER.
        """
        key, fingerprint = hash((aor, binding)), hash(registration)
        others = [self._live[other] for other in self._of_user.get(hash(aor), ()) if other != key]
        return bool(others) and all(other.registration != fingerprint for other in others)

    def listed(self, aor: str, bindings: Iterable[str], began: datetime) -> None:
        """The user was listed: what was there before and is not listed has ended."""
        kept = {hash((aor, binding)) for binding in bindings}
        for key in self._of_user.get(hash(aor), ()):
            if key not in kept and self._live[key].at <= began:
                self._ends(key, began)

    def replaced(self, aor: str, binding: str, call_id: str | None) -> None:
        """The user's others of this Call-ID have ended."""
        kept = hash((aor, binding))
        for key in self._of_user.get(hash(aor), ()):
            if key != kept and self._live[key].call_id == hash(call_id):
                self._end(key)

    def deleted(self, aor: str, binding: str, at: datetime) -> None:
        """An event reported its end."""
        self._ends(hash((aor, binding)), at)

    def found(
        self,
        aor: str,
        binding: str,
        registration: Registration,
        at: datetime,
        uri: str,
        *,
        loose: bool,
    ) -> None:
        """A listing of `at` has the contact, perhaps before its own event is here.

        Soon after its end was reported the streams do not take a listing's word that it is back:
        its INSERT is to be reported, though it is known.
        """
        self.registered(aor, binding, registration, at, uri, loose=loose)
        ended = self._ended.get(hash((aor, binding)))
        if ended is not None and at - ended < ENDS_KEPT:
            self.unsettle(aor, binding)

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

    def _ends(self, key: int, at: datetime) -> None:
        """The streams are given its end, which counts from then."""
        self._end(key)
        self._ended[key] = at
        self._ended.move_to_end(key)
        if len(self._ended) > _MAX_ENDED:
            self._ended.popitem(last=False)

    def _end(self, key: int) -> None:
        if (known := self._live.pop(key, None)) is not None:
            self._forget(key, known.user)
        self._pings.pop(key, None)

    def _forget(self, key: int, user: int) -> None:
        left = tuple(other for other in self._of_user.get(user, ()) if other != key)
        if left:
            self._of_user[user] = left
        else:
            self._of_user.pop(user, None)
            self._twins.pop(user, None)
