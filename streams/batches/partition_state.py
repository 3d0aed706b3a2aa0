"""The in-memory state of one partition's sessions, beside their table.

It is derived: after recovery it is rebuilt from the session and node tables.
"""

from collections.abc import Callable, Mapping, MutableMapping
from datetime import datetime, timedelta

from streams import models
from streams.batches.node_clocks import NodeClocks
from streams.batches.node_index import NodeIndex
from streams.batches.sweep import Sweep
from streams.batches.timers import GraceTimers
from streams.folds.edge_listings import EdgeListings
from streams.folds.refresh import Refresh, lay
from streams.models import NodeState, Session
from streams.settings import NO_GRACE
from streams.tables.overlays import Overlays

_read_session = models.decoder(Session).decode
_read_refresh = models.decoder(Refresh).decode


class PartitionState:
    """The sessions and nodes of one partition.

    The lock of its session table is held while a batch is folded into the sessions and made
    durable, so that the order of the writes is the order of the folds, whichever topic they came
    from.
    """

    def __init__(
        self,
        number: int,
        sessions: MutableMapping[bytes, bytes],
        nodes: Mapping[bytes, bytes],
        slack: timedelta,
        grace: Callable[[str], timedelta] = lambda _: NO_GRACE,
        stale_after: timedelta = timedelta(seconds=10),
        partitions: int = 1,
        *,
        refreshes: Overlays | None = None,
        short_refreshes: bool = False,
    ) -> None:
        """`sessions` and `nodes` are the partition's tables. `slack`: how long after its expiry a
        binding is dropped. `grace(aor)`: how long the user's status outlives a loss. `stale_after`:
        how long a node may be uncertain before its bindings are stale. `partitions`: how many
        there are. `refreshes`: the records laid over `sessions` (streams/folds/refresh.py);
        `short_refreshes`: whether such records are made."""
        self.number = number
        self.partitions = partitions
        self.sessions = sessions
        self.refreshes: Overlays = {} if refreshes is None else refreshes
        self.short_refreshes = short_refreshes
        self.slack = slack
        self.grace = grace
        self.stale_after = stale_after
        self.batch = 0  # number of the last one folded
        self.registrations_read = 0  # offset after the last registration folded
        self.nodes = {key.decode(): models.decode(NodeState, value) for key, value in nodes.items()}
        self.clocks = NodeClocks(self.nodes)
        self.graces = GraceTimers()
        self.index = NodeIndex(sessions, self.refreshes, self.graces, slack)
        self.sweeps: list[Sweep] = []
        self.edge_listings = EdgeListings()

    def session(self, key: bytes) -> Session | None:
        """A user's session, with the refresh laid over it; None of one who has none.

        Raises what a decoder raises (schemas.codec.UNREADABLE).
        """
        session, refresh = self.written(key)
        if session is not None and refresh is not None:
            lay(session, refresh)
        return session

    def written(self, key: bytes) -> tuple[Session | None, Refresh | None]:
        """A user's session as it was last written, and the refresh over it. Raises as `session`."""
        value = self.sessions.get(key)
        if value is None:
            return None, None
        refresh = self.refreshes.get(key)
        return _read_session(value), None if refresh is None else _read_refresh(refresh)

    def is_due(self, now: datetime) -> bool:
        """Whether a sweep or timer is due without a new event."""
        return bool(
            self.sweeps
            or self.graces.is_due(now)
            or any(node.lost for node in self.nodes.values())
            or self.became_stale(now)
        )

    def became_stale(self, now: datetime) -> list[str]:
        """The nodes that became stale, and whose bindings are not marked yet."""
        return [
            node
            for node, known in self.nodes.items()
            if known.gap is not None and not known.stale and now - known.gap > self.stale_after
        ]

    def take_due(self, now: datetime) -> list[tuple[str, bytes, datetime]]:
        """(node, user, node's time) of the expiry timers that are due."""
        return self.index.take_due(lambda node: self.clocks.time(node, now))
