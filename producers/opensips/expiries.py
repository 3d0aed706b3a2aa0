"""When contacts expire that usrloc keeps in a database only: it reports no end of them.

Pure. Such a contact is removed when its user is next read (db_only_timer() in usrloc's urecord.c),
which may be never: so the user is listed at its expiry. Times are the server's, in whole seconds.
"""

import heapq
from datetime import datetime
from typing import NamedTuple

from producers.sip_proxy.user_listings import UserListing

MAX_CONTACTS = 200_000


class _Expiry(NamedTuple):
    at: datetime
    user: UserListing


class Expiries:
    """One for each (AOR, binding). Bounded: contacts beyond it wait for the streams' expiry."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], _Expiry] = {}
        self._queue: list[tuple[datetime, tuple[str, str]]] = []
        self._queued: dict[tuple[str, str], datetime] = {}  # each one's place in the queue

    def __len__(self) -> int:
        """How many times are queued: as many as contacts, however often they are renewed."""
        return len(self._queue)

    def set(self, user: UserListing, binding: str, at: datetime | None) -> None:
        """The contact was made, renewed or listed; `at` None: it never expires."""
        key = user.aor, binding
        known = self._known.pop(key, None)
        if at is not None and (known is not None or len(self._known) < MAX_CONTACTS):
            self._known[key] = _Expiry(at, user)  # the latest
            if key not in self._queued or at < self._queued[key]:
                self._push(key, at)

    def live(self, now: datetime, but: UserListing, limit: int) -> list[UserListing]:
        """Other users that the database should hold, the latest reported or listed first."""
        found: dict[UserListing, None] = {}
        for known in reversed(self._known.values()):
            if known.at > now and known.user.aor != but.aor:
                found[known.user] = None
            if len(found) == limit:
                break
        return list(found)

    def remove(self, aor: str, binding: str) -> None:
        """It has ended."""
        self._known.pop((aor, binding), None)

    def take(self, now: datetime) -> list[UserListing]:
        """Remove and return the users of contacts that have expired, each once."""
        found: dict[UserListing, None] = {}
        while self._queue and self._queue[0][0] <= now:
            at, key = heapq.heappop(self._queue)
            if self._queued.get(key) != at:
                continue  # queued again for an earlier time
            del self._queued[key]
            known = self._known.get(key)
            if known is None:
                continue
            if known.at > now:
                self._push(key, known.at)
            else:
                del self._known[key]
                found[known.user] = None
        return list(found)

    def _push(self, key: tuple[str, str], at: datetime) -> None:
        self._queued[key] = at
        heapq.heappush(self._queue, (at, key))
