"""Which users have a binding or leg on which node, and when their first binding there expires.

Derived from the session table: after recovery it is rebuilt in pieces, beside the folds.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from streams import models
from streams.batches.indexed import Indexed
from streams.batches.sweep import PATHS
from streams.batches.timers import GRAIN, Bucket, GraceTimers, Timers
from streams.folds.refresh import Refresh, expiry, renewed
from streams.models import Session
from streams.tables.overlays import Overlays

# Users indexed before other tasks get their turn: about two milliseconds.
INDEX_PIECE = 200


class NodeIndex:
    """The index of one partition's session table."""

    def __init__(
        self,
        sessions: Mapping[bytes, bytes],
        refreshes: Overlays,
        graces: GraceTimers,
        slack: timedelta,
    ) -> None:
        """`refreshes` are laid over `sessions`. `graces` gets the timers of recovered users.
        `slack`: how long after its expiry a binding is dropped."""
        self._sessions = sessions
        self._refreshes = refreshes
        self._graces = graces
        self._slack = slack
        # By node: its users, and the bucket of their timer there.
        self._members: dict[str, dict[bytes, Bucket | None]] = {}
        self._timers: dict[str, Timers] = {}
        self._unindexed: Iterator[bytes] = iter(())

    def begin(self) -> None:
        """Begin to index every user in the table, by `index_piece`. Folds index the users they
        change."""
        self._unindexed = iter(list(self._sessions))

    def index_piece(self) -> bool:
        """Index some more users; returns whether any were left."""
        read = models.decoder(Indexed).decode
        left = False
        for key in islice(self._unindexed, INDEX_PIECE):
            left = True
            value = self._sessions.get(key)
            if value is not None:
                session = read(value)
                refresh = self._refreshes.get(key)
                if refresh is not None:
                    _renew(session, models.decode(Refresh, refresh))
                self.add(key, session)
                if session.grace_until is not None:
                    self._graces.add(key, session.grace_until)
        return left

    def members_of(self, node: str) -> Collection[bytes]:
        """All users with a binding or leg on the node, and perhaps some that had one. Completes the
        index first."""
        while self.index_piece():
            pass
        return self._members.get(node, ())

    def add(self, key: bytes, session: Session | Indexed) -> None:
        """Add a user: the nodes of their bindings and legs, and the first expiry on each."""
        for binding in session.bindings.values():
            members = self._members.get(binding.node)
            if members is None:
                members = self._members[binding.node] = {}
            timer = members.get(key)
            expiry = binding.expires_at
            if binding.path is not None:
                self._members.setdefault(PATHS, {}).setdefault(key, None)
            if binding.edge_connection is not None:
                at_edge = self._members.setdefault(binding.edge_connection.node, {})
                at_edge.setdefault(key, None)
            if expiry is None:
                members[key] = timer
            elif timer is None or expiry < timer.at:
                # One timer a user and node, the earliest; the fold then finds a later expiry.
                timers = self._timers.get(binding.node)
                if timers is None:
                    timers = self._timers[binding.node] = Timers()
                members[key] = timers.set(key, expiry)
        for leg in session.calls.values():
            self._members.setdefault(leg.node, {}).setdefault(key, None)

    def remove(self, node: str, key: bytes) -> None:
        """Remove a user who has nothing on the node any more."""
        members = self._members.get(node)
        if members is not None:
            members.pop(key, None)

    def forget(self, key: bytes) -> None:
        """Remove a user who has no session any more, from all nodes."""
        for members in self._members.values():
            members.pop(key, None)

    def take_due(
        self, clock: Callable[[str], datetime | None]
    ) -> list[tuple[str, bytes, datetime]]:
        """(node, user, node's time) of the timers that are due, each by its own node's clock.

        A node whose clock stands still keeps its timers.
        """
        due: list[tuple[str, bytes, datetime]] = []
        for node, timers in self._timers.items():
            now = clock(node)
            if now is None:
                continue
            members = self._members[node]
            for bucket in timers.due(now, self._slack):
                for key in bucket.keys:
                    if members.get(key) is bucket:  # else an earlier timer replaced it
                        members[key] = None
                        due.append((node, key, now))
        return due

    def retry(self, node: str, key: bytes, at: datetime) -> None:
        """Set the timer of a user whose rule failed again, to a time of the node's clock."""
        self._members[node][key] = self._timers[node].set(key, at)

    def due_at(self, node: str, key: bytes) -> datetime | None:
        """The time of the node's clock at which the user's timer there is due."""
        bucket = self._members.get(node, {}).get(key)
        return None if bucket is None else bucket.at + GRAIN + self._slack


def _renew(session: Indexed, refresh: Refresh) -> None:
    """The binding's timer is that of its last refresh."""
    binding = renewed(session, refresh)
    if binding is not None:
        binding.expires_at = expiry(refresh)


def is_on(session: Session, node: str) -> bool:
    """Whether the user still has on the node what `NodeIndex.add` looks for."""
    bindings = session.bindings.values()
    if node == PATHS:
        return any(binding.path is not None for binding in bindings)
    return (
        any(binding.node == node for binding in bindings)
        or any(leg.node == node for leg in session.calls.values())
        or any(
            one.edge_connection is not None and one.edge_connection.node == node for one in bindings
        )
    )
