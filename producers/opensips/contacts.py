"""The contacts that events and listings have shown, by which repeated INSERTs are recognised.

OpenSIPS does not mark them: it raises E_UL_CONTACT_INSERT whenever a contact comes into memory
(usrloc's mem_insert_ucontact()), new or read from its database. Bounded; what is forgotten costs a
repeated record, no error.
"""

from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import Enum

from producers.opensips.live_contact import LiveContact, Registration, Remaining
from producers.opensips.pings import Pings

MAX_CONTACTS = 200_000
# Two INSERTs of one contact without a DELETE between them, closer than this, are one event that
# came twice (two subscriptions).
REPEAT = timedelta(seconds=1)
# The streams ignore a listing's row of a contact whose end was reported this shortly before
# (streams.folds.ordering.LISTING_LAG).
ENDS_KEPT = timedelta(seconds=3)
_MAX_ENDED = 1000


class Insert(Enum):
    """What an INSERT is, by what was there before."""

    NEW = "new"
    REPEATED = "repeated"  # the same event by a second subscription
    REPLAYED = "replayed"  # the same registration again, read from a database
    UNEXPECTED = "unexpected"  # another registration of a contact that was never deleted


class Contacts:
    """Keys are (AOR, binding); a registration is its Call-ID and CSeq."""

    def __init__(self) -> None:
        self._live: OrderedDict[int, LiveContact] = OrderedDict()
        self._of_user: dict[int, tuple[int, ...]] = {}
        self._duplicates: dict[int, frozenset[int]] = {}
        self._ended: OrderedDict[int, datetime] = OrderedDict()
        self.pings = Pings()

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
        if known is not None and known.is_same(registration, uri):
            return (Insert.REPEATED if at - known.at < REPEAT else Insert.REPLAYED), known.at
        self.registered(aor, binding, registration, at, uri, loose=loose)
        if known is not None:
            self._live[key] = self._live[key].beside(known)
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
        """The contact is live. `uri` is its text, which may change while its binding stays."""
        key, user = hash((aor, binding)), hash(aor)
        known = self._live.get(key)
        if known is None:
            self._of_user[user] = (*self._of_user.get(user, ()), key)
        none = frozenset[int]()
        beside = (known.others, known.call_ids) if known is not None else (none, none)
        call_id = hash(registration[0])
        self._live[key] = LiveContact(
            hash(registration), call_id, hash(uri), at, user, *beside, loose
        )
        self._live.move_to_end(key)
        if len(self._live) > MAX_CONTACTS:
            oldest, forgotten = self._live.popitem(last=False)
            self._forget(oldest, forgotten.user)
        self.pings.reset(key)

    def knows(self, aor: str, binding: str) -> bool:
        return hash((aor, binding)) in self._live

    def has_other_uri(self, aor: str, binding: str, uri: str) -> bool:
        """Whether the binding is known by another URI, or not at all."""
        known = self._live.get(hash((aor, binding)))
        return known is None or known.uri != hash(uri)

    def count(self, aor: str) -> int:
        """How many contacts of the user are live."""
        return len(self._of_user.get(hash(aor), ()))

    def removed_one(self, aor: str, binding: str, registration: Registration) -> Remaining:
        """What a DELETE leaves of the contact, where others were inserted beside it."""
        key = hash((aor, binding))
        known = self._live.get(key)
        if known is None:
            return Remaining.NONE
        remaining, self._live[key] = known.without(registration)
        return remaining

    def unconfirm(self, aor: str, binding: str) -> None:
        """One of several has ended: until a listing shows which, no INSERT counts as repeated."""
        key = hash((aor, binding))
        if (known := self._live.get(key)) is not None:
            self._live[key] = known.unconfirmed()

    def has_loose(self, aor: str) -> bool:
        """Whether usrloc may have stored one of the user's several contacts over another."""
        keys = self._of_user.get(hash(aor), ())
        return len(keys) > 1 and any(self._live[key].loose for key in keys)

    def set_duplicates(self, aor: str, bindings: Iterable[str]) -> None:
        """The user was listed: these contacts have several rows in the table."""
        user, keys = hash(aor), frozenset(hash((aor, binding)) for binding in bindings)
        if keys and user in self._of_user:
            self._duplicates[user] = keys
        else:
            self._duplicates.pop(user, None)

    def has_duplicates(self, aor: str, binding: str) -> bool:
        """Whether the table, when last listed, had several rows of the contact: then an event may
        be about each of them.
        """
        return hash((aor, binding)) in self._duplicates.get(hash(aor), ())

    def may_be_renamed(self, aor: str, binding: str, registration: Registration) -> bool:
        """Whether an unknown binding is one of the user's others, under another URI.

        So it is where others are live, none of them of this very REGISTER.
        """
        key, fingerprint = hash((aor, binding)), hash(registration)
        others = [self._live[other] for other in self._of_user.get(hash(aor), ()) if other != key]
        return bool(others) and all(other.registration != fingerprint for other in others)

    def listed(self, aor: str, bindings: Iterable[str], began: datetime) -> None:
        """The user was listed: contacts known from before `began` and not listed have ended."""
        kept = {hash((aor, binding)) for binding in bindings}
        for key in self._of_user.get(hash(aor), ()):
            if key not in kept and self._live[key].at <= began:
                self._end_at(key, began)

    def replaced(self, aor: str, binding: str, call_id: str | None) -> None:
        """The user's other contacts of this Call-ID have ended."""
        kept = hash((aor, binding))
        for key in self._of_user.get(hash(aor), ()):
            if key != kept and self._live[key].call_id == hash(call_id):
                self._end(key)

    def deleted(self, aor: str, binding: str, at: datetime) -> None:
        """An event reported its end."""
        self._end_at(hash((aor, binding)), at)

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

        Shortly after an end was reported the streams ignore a listing's row: then the contact's
        INSERT is published, though the contact is known.
        """
        self.registered(aor, binding, registration, at, uri, loose=loose)
        ended = self._ended.get(hash((aor, binding)))
        if ended is not None and at - ended < ENDS_KEPT:
            self.unconfirm(aor, binding)

    def _end_at(self, key: int, at: datetime) -> None:
        """The streams are given its end at this time."""
        self._end(key)
        self._ended[key] = at
        self._ended.move_to_end(key)
        if len(self._ended) > _MAX_ENDED:
            self._ended.popitem(last=False)

    def _end(self, key: int) -> None:
        if (known := self._live.pop(key, None)) is not None:
            self._forget(key, known.user)
        self.pings.reset(key)

    def _forget(self, key: int, user: int) -> None:
        left = tuple(other for other in self._of_user.get(user, ()) if other != key)
        if left:
            self._of_user[user] = left
        else:
            self._of_user.pop(user, None)
            self._duplicates.pop(user, None)
