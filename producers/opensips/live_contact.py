"""One live contact, with the registrations that were inserted beside it without a DELETE. Pure."""

from datetime import datetime
from enum import Enum
from typing import NamedTuple, Self

Registration = tuple[str | None, int | None]  # Call-ID and CSeq
_UNCONFIRMED = 0  # no URI's hash


class Remaining(Enum):
    """What a DELETE leaves of the same contact."""

    NONE = "none"
    ANOTHER = "another"
    UNKNOWN = "unknown"


class LiveContact(NamedTuple):
    """Texts are kept as hashes. `others` and `call_ids`: registrations, and Call-IDs, beside it.

    `loose`: usrloc may store it over another (ContactMatching.may_take_another()).
    """

    registration: int
    call_id: int
    uri: int
    at: datetime
    user: int
    others: frozenset[int]
    call_ids: frozenset[int]
    loose: bool

    def is_same(self, registration: Registration, uri: str | None) -> bool:
        """Whether this registration wrote this URI."""
        return (self.registration, self.uri) == (hash(registration), hash(uri))

    def beside(self, earlier: Self) -> Self:
        """The contact, inserted while `earlier` had not been deleted."""
        call_ids = earlier.call_ids
        if earlier.call_id != self.call_id:
            call_ids |= {earlier.call_id}
        return self._replace(others=earlier.others | {earlier.registration}, call_ids=call_ids)

    def without(self, registration: Registration) -> tuple[Remaining, Self]:
        """What the DELETE of this registration leaves, and the contact after it.

        Another may be there without a DELETE of the first: usrloc may match by Call-ID, too
        (matching_mode 1), or reports an end late, with its timer (write-back), after the INSERT of
        the next one. ANOTHER: the DELETE is of the first, the other one stays. UNKNOWN: it is of
        the last, and one of another Call-ID may still be there; or of a registration that is not
        known, because it was listed since, or events were lost.
        """
        call_id, gone = hash(registration[0]), hash(registration)
        if gone == self.registration:
            return (Remaining.UNKNOWN if self.call_ids else Remaining.NONE), self
        if call_id in self.call_ids and call_id != self.call_id:
            return Remaining.ANOTHER, self._replace(call_ids=self.call_ids - {call_id})
        if gone in self.others:
            return Remaining.ANOTHER, self._replace(others=self.others - {gone})
        return Remaining.UNKNOWN, self

    def unconfirmed(self) -> Self:
        """The contact, as no later INSERT repeats it."""
        return self._replace(uri=_UNCONFIRMED)
