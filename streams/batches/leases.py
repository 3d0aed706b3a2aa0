"""Leases of nodes: a node without events for too long is lost. Time is always an argument.

The worker that reads the partition of a node's own events keeps its lease.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from schemas.vocabulary import NodeKind
from streams.models import NodeEvent, NodeState


class Lease(Struct):
    """The lease of a node: its last event, and when that was read by the worker's clock."""

    node: str
    boot: str
    at: datetime
    renewed: datetime
    unwatched: bool = False
    lost: bool = False


class Leases:
    """The leases of the nodes whose events this worker reads, by partition of rollcall.nodes."""

    def __init__(self, lease: timedelta, unwatched: timedelta) -> None:
        """`lease`: silence after which a node is lost; `unwatched`: once its producer stopped."""
        self._lease = lease
        self._unwatched = unwatched
        self._partitions: dict[int, dict[str, Lease]] = {}

    def begin(self, partition: int, known: Iterable[tuple[str, NodeState]], now: datetime) -> None:
        """Begin to read a partition: each known node that is not down gets a whole lease."""
        self._partitions[partition] = {
            node: Lease(node, state.boot, state.at, now, state.unwatched, state.lost)
            for node, state in known
            if not state.down
        }

    def retain(self, partitions: Iterable[int]) -> None:
        """Drop the leases of partitions that another worker reads now."""
        kept = set(partitions)
        self._partitions = {p: nodes for p, nodes in self._partitions.items() if p in kept}

    def has_begun(self, partition: int) -> bool:
        return partition in self._partitions

    def renew(self, partition: int, event: NodeEvent, now: datetime) -> bool:
        """Renew a lease by an event. Returns whether the node is back from lost or unwatched."""
        nodes = self._partitions.setdefault(partition, {})
        old = nodes.get(event.node)
        if event.kind is NodeKind.DOWN:
            nodes.pop(event.node, None)
            return False
        away = old if old is not None and (old.lost or old.unwatched) else None
        if away is not None and event.at <= away.at:
            return False  # reported before it fell silent, and read again
        unwatched = event.kind is NodeKind.UNWATCHED
        if unwatched and old is not None and old.lost and old.boot == event.boot:
            return False  # its producer stops beside it: that is no event of the node
        nodes[event.node] = Lease(event.node, event.boot, event.at, now, unwatched)
        return away is not None and not unwatched

    def suspend(self, now: datetime, partitions: Iterable[int] | None = None) -> None:
        """Renew the leases of these partitions, or all, whose events could not be read until
        now."""
        chosen = self._partitions if partitions is None else partitions
        for number in chosen:
            for lease in self._partitions.get(number, {}).values():
                lease.renewed = max(lease.renewed, now)

    def expire(self, now: datetime) -> list[Lease]:
        """The leases that have expired; each is returned once."""
        lost = []
        for nodes in self._partitions.values():
            for lease in nodes.values():
                allowed = self._unwatched if lease.unwatched else self._lease
                if not lease.lost and now - lease.renewed > allowed:
                    lease.lost = True
                    lost.append(lease)
        return lost
