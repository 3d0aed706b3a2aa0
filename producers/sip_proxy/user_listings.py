"""A queue of users whose bindings an event left unclear, each to be listed at once.

The intake adds users, the lister takes them. Bounded: beyond the bound one listing of all users is
cheaper.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

USERS_MAX = 500


class UserListing(NamedTuple):
    """The user `aor` (canonical), whose name in the server's `table` is `name`."""

    table: str
    name: str
    aor: str


class UserListings:
    """Thread-safe. `everybody` requests a listing of all users."""

    def __init__(self, everybody: Callable[[], None] = lambda: None) -> None:
        self.everybody = everybody
        self.wanted = threading.Event()
        self._waiting: OrderedDict[tuple[str, str], UserListing] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, listing: UserListing) -> None:
        """List this user soon; once, where it is added again before it is taken."""
        with self._lock:
            self._waiting[listing.table, listing.name] = listing
            overflow = len(self._waiting) > USERS_MAX
            if overflow:
                self._waiting.clear()
        if overflow:
            self.everybody()
        self.wanted.set()

    def take(self, limit: int) -> list[UserListing]:
        """Remove and return the next users, the longest waiting first."""
        with self._lock:
            count = min(limit, len(self._waiting))
            taken = [self._waiting.popitem(last=False)[1] for _ in range(count)]
            if not self._waiting:
                self.wanted.clear()
        return taken

    def clear(self) -> None:
        """Forget all: the connection or process that they were to be listed of has ended."""
        with self._lock:
            self._waiting.clear()
            self.wanted.clear()
