"""What a worker keeps in memory of one partition beside its tables: indexes, clocks, timers.

All of it is derived: after recovery it is rebuilt from the session table, beside the folds.
"""

import asyncio
import heapq
from collections.abc import Callable, Collection, Iterable, Iterator, MutableMapping
from datetime import datetime, timedelta
from itertools import islice

from streams import models
from streams.batches.indexed import Indexed
from streams.batches.sweep import PATHS, Sweep
from streams.batches.timers import GRAIN, Bucket, Timers
from streams.folds.edge_listings import EdgeListings
from streams.models import NodeState, Session
from streams.settings import NO_GRACE

# Users indexed between two turns of the others: some two milliseconds.
INDEX_PIECE = 200


class PartitionState:
    """Sessions, connections and nodes of one partition number, co-partitioned.

    `lock` is held while a batch is folded into the sessions and made durable, so that the order of
    the writes is the order of the folds whichever topic they came from; `connections_lock` and
    `media_lock` likewise for those tables.
    """

    def __init__(
        self,
        number: int,
        sessions: MutableMapping[bytes, bytes],
        connections: MutableMapping[bytes, bytes],
        media: MutableMapping[bytes, bytes],
        nodes: MutableMapping[bytes, bytes],
        slack: timedelta,
        grace: Callable[[str], timedelta] = lambda _: NO_GRACE,
        stale_after: timedelta = timedelta(seconds=10),
        partitions: int = 1,
    ) -> None:
        """`grace(aor)`: how long the user's status outlives a loss. `stale_after`: how long a node
        may be uncertain before its users are told. `partitions`: how many there are."""
        self.number = number
        self.partitions = partitions
        self.sessions = sessions
        self.connections = connections
        self.media = media
        self.slack = slack
        self.grace = grace
        self.stale_after = stale_after
        self.lock = asyncio.Lock()
        self.connections_lock = asyncio.Lock()
        self.media_lock = asyncio.Lock()
        self.batch = 0
        self.registrations_read = 0  # offset after the last registration folded
        self.clocks: dict[str, datetime] = {}  # per node, what its own events last told
        self.nodes = {key.decode(): models.decode(NodeState, value) for key, value in nodes.items()}
        # Users with a binding or leg on a node, and where their timer there waits.
        self._members: dict[str, dict[bytes, Bucket | None]] = {}
        self._unindexed: Iterator[bytes] = iter(())
        self._timers: dict[str, Timers] = {}
        self._graces: list[tuple[datetime, bytes]] = []
        self.sweeps: list[Sweep] = []
        self.edge_listings = EdgeListings()

    def last_written(self, recent: Iterable[bytes], *, whole: bool, batch: int) -> list[Session]:
        """The users of the last batch, which may have been written and not published.

        `recent` are the keys that recovery read, the last first; `whole` if it has all of them that
        were written after `batch`, which was published. Goes on from the last batch's number.
        """
        self.batch = batch
        read = models.decoder(Indexed).decode
        last: dict[bytes, None] = {}
        for key in recent:
            session = read(self.sessions.get(key) or b"{}")
            if not last:
                self.batch = max(self.batch, session.batch)
            if session.batch <= batch or session.batch < self.batch:
                whole = True  # all before it in the changelog is older still
                break
            last[key] = None
        if not whole:
            last = self._written_last()
        found = (models.decode(Session, self.sessions[key]) for key in last)
        return [session for session in found if session.version]

    def _written_last(self) -> dict[bytes, None]:
        read = models.decoder(Indexed).decode
        last: dict[bytes, None] = {}
        for key, value in self.sessions.items():
            batch = read(value).batch
            if batch > self.batch:
                self.batch, last = batch, {}
            if batch == self.batch:
                last[key] = None
        return last

    def begin_index(self) -> None:
        """Index every user that is in the table now, by `index_piece`. Folds index theirs."""
        self._unindexed = iter(list(self.sessions))

    def index_piece(self) -> bool:
        """Index some more users; whether there are any left."""
        read = models.decoder(Indexed).decode
        left = False
        for key in islice(self._unindexed, INDEX_PIECE):
            left = True
            value = self.sessions.get(key)
            if value is not None:
                self.index(key, read(value))
        return left

    def members_of(self, node: str) -> Collection[bytes]:
        """All users with a binding or leg on the node, and perhaps some that had one."""
        while self.index_piece():
            pass
        return self._members.get(node, ())

    def index(self, key: bytes, session: Session | Indexed) -> None:
        """Note on which nodes the user is, and when their bindings are due."""
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
                # One timer a user and node: the earliest; a later expiry is found when it rings.
                timers = self._timers.get(binding.node)
                if timers is None:
                    timers = self._timers[binding.node] = Timers()
                members[key] = timers.set(key, expiry)
        if session.grace_until is not None:
            self.await_grace(key, session.grace_until)
        for leg in session.calls.values():
            self._members.setdefault(leg.node, {}).setdefault(key, None)

    def leave(self, node: str, key: bytes) -> None:
        """The user has nothing on the node any more."""
        members = self._members.get(node)
        if members is not None:
            members.pop(key, None)

    def see(self, node: str, at: datetime) -> None:
        """Advance a node's clock by one of its own events."""
        known = self.clocks.get(node)
        if known is None or at > known:
            self.clocks[node] = at

    def await_grace(self, key: bytes, until: datetime) -> None:
        """Note when a user's grace is over, by the worker's clock."""
        heapq.heappush(self._graces, (until, key))

    def graces_over(self, now: datetime) -> list[bytes]:
        """The users whose grace may be over, each once."""
        over: dict[bytes, None] = {}
        while self._graces and self._graces[0][0] <= now:
            over[heapq.heappop(self._graces)[1]] = None
        return list(over)

    def is_due(self, now: datetime) -> bool:
        """Whether there is something to do though no event comes."""
        return bool(
            self.sweeps
            or (self._graces and self._graces[0][0] <= now)
            or any(state.lost for state in self.nodes.values())
            or self.grown_stale(now)
        )

    def grown_stale(self, now: datetime) -> list[str]:
        """Nodes that have been uncertain for too long, and whose users do not know yet."""
        return [
            node
            for node, state in self.nodes.items()
            if state.gap is not None and not state.stale and now - state.gap > self.stale_after
        ]

    def clock(self, node: str, now: datetime) -> datetime | None:
        """A node's time. Of a lost one, which tells none, as the worker's clock goes on."""
        known, lost = self.clocks.get(node), self.nodes.get(node)
        if lost is not None and lost.lost and lost.changed is not None:
            known = max(known or lost.at, lost.at + (now - lost.changed))
        return known

    def ring(self, now: datetime) -> list[tuple[str, bytes, datetime]]:
        """(node, user, node's time) of the timers that are due, each by its own node's clock.

        A node that fell silent keeps its timers until it is lost, at no cost to the others.
        """
        ringing: list[tuple[str, bytes, datetime]] = []
        for node, timers in self._timers.items():
            clock = self.clock(node, now)
            if clock is None:
                continue
            members = self._members[node]
            for bucket in timers.due(clock, self.slack):
                for key in bucket.keys:
                    if members.get(key) is bucket:  # else an earlier one replaced it
                        members[key] = None
                        ringing.append((node, key, clock))
        return ringing

    def ring_again(self, node: str, key: bytes, at: datetime) -> None:
        """Let a timer that has rung ring at another moment of the node's clock too."""
        self._members[node][key] = self._timers[node].set(key, at)

    def rings_at(self, node: str, key: bytes) -> datetime | None:
        """When, on the node's clock, the user's timer there rings."""
        bucket = self._members.get(node, {}).get(key)
        return None if bucket is None else bucket.at + GRAIN + self.slack
