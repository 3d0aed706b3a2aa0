"""What a worker keeps in memory of one partition beside its tables: indexes, clocks, timers.

All of it is derived: `load` rebuilds it from the session table after recovery.
"""

import asyncio
import heapq
from collections.abc import Callable
from datetime import datetime, timedelta

from streams import state
from streams.state import NodeState, Session
from streams.sweep import Sweep

NO_GRACE = timedelta(0)


class PartitionState:
    """Sessions, connections and nodes of one partition number, co-partitioned.

    `lock` is held while a batch is folded into the sessions and made durable, so that the order of
    the writes is the order of the folds whichever topic they came from; `connections_lock` and
    `media_lock` likewise for those tables.
    """

    def __init__(
        self,
        number: int,
        sessions: dict[bytes, bytes],
        connections: dict[bytes, bytes],
        media: dict[bytes, bytes],
        nodes: dict[bytes, bytes],
        slack: timedelta,
        grace: Callable[[str], timedelta] = lambda _: NO_GRACE,
        stale_after: timedelta = timedelta(seconds=10),
    ) -> None:
        """`grace(aor)`: how long the user's status outlives a loss. `stale_after`: how long a node
        may be uncertain before its users are told."""
        self.number = number
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
        self.nodes = {key.decode(): state.decode(NodeState, value) for key, value in nodes.items()}
        # Users with a binding or leg on a node, and the expiry that their timer there waits for.
        self.members: dict[str, dict[bytes, datetime | None]] = {}
        self._timers: dict[str, list[tuple[datetime, bytes]]] = {}
        self._graces: list[tuple[datetime, bytes]] = []
        self.sweeps: list[Sweep] = []

    def load(self) -> list[Session]:
        """Rebuild from the tables; the users of the last batch written, to be published again."""
        last: list[Session] = []
        for key, value in self.sessions.items():
            session = state.decode(Session, value)
            self.index(key, session)
            if session.batch > self.batch:
                self.batch, last = session.batch, []
            if session.batch == self.batch and session.version:
                last.append(session)
        return last

    def index(self, key: bytes, session: Session) -> None:
        """Note on which nodes the user is, and when their bindings are due."""
        for binding in session.bindings.values():
            members = self.members.get(binding.node)
            if members is None:
                members = self.members[binding.node] = {}
            timer = members.get(key)
            expiry = binding.expires_at
            if expiry is None:
                members[key] = timer
            elif timer is None or expiry < timer:
                # One timer a user and node: the earliest; a later expiry is found when it rings.
                members[key] = expiry
                heapq.heappush(self._timers.setdefault(binding.node, []), (expiry, key))
        if session.grace_until is not None:
            self.await_grace(key, session.grace_until)
        for leg in session.calls.values():
            self.members.setdefault(leg.node, {}).setdefault(key, None)

    def leave(self, node: str, key: bytes) -> None:
        """The user has nothing on the node any more."""
        members = self.members.get(node)
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
        """The users whose grace may be over."""
        over = []
        while self._graces and self._graces[0][0] <= now:
            over.append(heapq.heappop(self._graces)[1])
        return over

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
            # Subtracted, so that no time is too late to be reckoned with.
            while clock is not None and timers and clock - timers[0][0] >= self.slack:
                expiry, key = heapq.heappop(timers)
                if self.members[node].get(key) == expiry:  # else an earlier one replaced it
                    self.members[node][key] = None
                    ringing.append((node, key, clock))
        return ringing
