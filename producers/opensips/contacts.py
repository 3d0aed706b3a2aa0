"""What the producer remembers of contacts: to recognise replayed INSERTs and repeated pings.

OpenSIPS marks neither: after a restart with a database it inserts every stored contact once more,
and a ping's answer raises an event each time. Bounded; what is forgotten costs a repeat, no error.
"""

from collections import OrderedDict, deque
from datetime import datetime, timedelta
from enum import Enum

from schemas.origin import Address

MAX_CONTACTS = 200_000
# Two INSERTs of one contact without a DELETE between, less apart than this, are one event that
# came twice (two subscriptions).
REPEAT = timedelta(seconds=1)
# A contact removed this soon after its connection's end was removed because of it.
DISCONNECT_WINDOW = timedelta(milliseconds=50)


class Insert(Enum):
    """What an INSERT is, by what was there before."""

    NEW = "new"
    REPLAYED = "replayed"  # the same registration again: the server restarted
    UNEXPECTED = "unexpected"  # of a contact never deleted: it was forgotten, or events were lost


class Contacts:
    """Keys are (AOR, binding)."""

    def __init__(self) -> None:
        self._live: OrderedDict[int, tuple[int, datetime]] = OrderedDict()
        self._pings: OrderedDict[int, int] = OrderedDict()
        self._disconnects: deque[tuple[Address, datetime]] = deque(maxlen=1000)

    def inserted(
        self, aor: str, binding: str, registration: object, at: datetime
    ) -> tuple[Insert, datetime | None]:
        """What the INSERT is, and since when the contact was there; from now on it is live.

        `registration` is Call-ID and CSeq.
        """
        key, fingerprint = hash((aor, binding)), hash(registration)
        known = self._live.get(key)
        self.registered(aor, binding, registration, at)
        if known is None or at - known[1] < REPEAT:
            return Insert.NEW, None
        return (Insert.REPLAYED if known[0] == fingerprint else Insert.UNEXPECTED), known[1]

    def registered(self, aor: str, binding: str, registration: object, at: datetime) -> None:
        key = hash((aor, binding))
        self._live[key] = (hash(registration), at)
        self._live.move_to_end(key)
        if len(self._live) > MAX_CONTACTS:
            self._live.popitem(last=False)
        self._pings.pop(key, None)

    def knows(self, aor: str, binding: str) -> bool:
        return hash((aor, binding)) in self._live

    def deleted(self, aor: str, binding: str) -> None:
        key = hash((aor, binding))
        self._live.pop(key, None)
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

    def disconnected(self, remote: Address, at: datetime) -> None:
        self._disconnects.append((remote, at))

    def lost_connection(self, remote: Address | None, at: datetime) -> bool:
        """Whether the connection from `remote` has ended this very moment."""
        return any(
            known == remote and at - when <= DISCONNECT_WINDOW
            for known, when in reversed(self._disconnects)
        )
