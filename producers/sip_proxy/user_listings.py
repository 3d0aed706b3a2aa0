"""Users whose bindings an event left unclear: the registrar is asked for each of them at once.

Between the intake, which asks for a listing, and the lister, which takes it. Bounded: beyond the
bound one listing of everybody is cheaper.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

USERS_MAX = 500


class UserListing(NamedTuple):
    """The user `aor` (canonical), whom the server's `table` has under `name`."""

    table: str
    name: str
    aor: str


class UserListings:
    """Any thread may call. `everybody` asks for a listing of all users instead."""

    def __init__(self, everybody: Callable[[], None] = lambda: None) -> None:
        self.everybody = everybody
        self.wanted = threading.Event()
        self._waiting: OrderedDict[tuple[str, str], UserListing] = OrderedDict()
        self._lock = threading.Lock()

    def ask(self, listing: UserListing) -> None:
        """List this user soon; asked twice before it is taken, it is listed once."""
        with self._lock:
            self._waiting[listing.table, listing.name] = listing
            overflow = len(self._waiting) > USERS_MAX
            if overflow:
                self._waiting.clear()
        if overflow:
            self.everybody()
        self.wanted.set()

    def take(self, limit: int) -> list[UserListing]:
        """The next users to ask for, the longest waiting first."""
        with self._lock:
            count = min(limit, len(self._waiting))
            taken = [self._waiting.popitem(last=False)[1] for _ in range(count)]
            if not self._waiting:
                self.wanted.clear()
        return taken

    def clear(self) -> None:
        """The connection or process they were asked for is gone."""
        with self._lock:
            self._waiting.clear()
            self.wanted.clear()
