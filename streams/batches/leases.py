"""Leases of nodes: of which was nothing heard for too long? Time is given, never asked for.

Each node's lease is kept where its own events are read: by the worker of their partition.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from msgspec import Struct

from schemas.vocabulary import NodeKind
from streams.models import NodeEvent, NodeState


class Lease(Struct):
    """Of one node: its last report, and when that was read, by the worker's clock."""

    node: str
    boot: str
    at: datetime
    heard: datetime
    unwatched: bool = False
    lost: bool = False


class Leases:
    """Of all nodes whose events this worker reads, by the partition of rollcall.nodes."""

    def __init__(self, lease: timedelta, unwatched: timedelta) -> None:
        """`lease`: silence after which a node is lost; `unwatched`: once its producer stopped."""
        self._lease = lease
        self._unwatched = unwatched
        self._partitions: dict[int, dict[str, Lease]] = {}

    def begin(self, partition: int, known: Iterable[tuple[str, NodeState]], now: datetime) -> None:
        """Read from here on: what is known to live has a whole lease from now."""
        self._partitions[partition] = {
            node: Lease(node, state.boot, state.at, now, state.unwatched, state.lost)
            for node, state in known
            if not state.down
        }

    def retain(self, partitions: Iterable[int]) -> None:
        """Forget the partitions that another worker reads now."""
        kept = set(partitions)
        self._partitions = {p: nodes for p, nodes in self._partitions.items() if p in kept}

    def has_begun(self, partition: int) -> bool:
        return partition in self._partitions

    def hear(self, partition: int, event: NodeEvent, now: datetime) -> bool:
        """A node has reported; whether that brings it back from lost or unwatched."""
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
            return False  # its producer stops beside it: that is no word of the node's own
        nodes[event.node] = Lease(event.node, event.boot, event.at, now, unwatched)
        return away is not None and not unwatched

    def excuse(self, now: datetime, partitions: Iterable[int] | None = None) -> None:
        """The nodes of these partitions, or all, could not be heard, and are not to blame."""
        chosen = self._partitions if partitions is None else partitions
        for number in chosen:
            for lease in self._partitions.get(number, {}).values():
                lease.heard = max(lease.heard, now)

    def run_out(self, now: datetime) -> list[Lease]:
        """The nodes that are lost by now; each is returned once."""
        lost = []
        for nodes in self._partitions.values():
            for lease in nodes.values():
                allowed = self._unwatched if lease.unwatched else self._lease
                if not lease.lost and now - lease.heard > allowed:
                    lease.lost = True
                    lost.append(lease)
        return lost
