"""Node events -> node changes (starts, ends, time, lost nodes), one copy for each partition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from runtime.partitioner import partition_of
from schemas import topics
from schemas.cloudevents import headers
from schemas.vocabulary import NodeKind, Source
from streams import models
from streams.batches.effects import Effects, Record, refusal
from streams.batches.leases import Lease, Leases
from streams.batches.placement import Misplaced, check_placement
from streams.models import NodeChange, NodeEvent, NodeState

_COPIED = frozenset(
    {NodeKind.UP, NodeKind.DOWN, NodeKind.HEARTBEAT, NodeKind.UNWATCHED, NodeKind.GAP}
)


@dataclass(slots=True)
class NodeBatch:
    """The effects of one batch of node events."""

    effects: Effects = field(default_factory=Effects)
    misplaced: bool = False  # whether a record is in another partition than its key's


class NodeCopier:
    """Copies the node events that every partition needs.

    Heartbeats arrive every second; one copy every `tick` is enough for the timers.
    """

    def __init__(self, partitions: int, tick: timedelta, leases: Leases) -> None:
        self._partitions = partitions
        self._tick = tick
        self.leases = leases
        self._last: dict[str, datetime] = {}

    def begin_leases(self, number: int, nodes: Mapping[str, NodeState], now: datetime) -> None:
        """Begin the leases of the known nodes whose own events come in partition `number`."""
        known = [
            (node, state)
            for node, state in nodes.items()
            if partition_of(node.encode(), self._partitions) == number
        ]
        self.leases.begin(number, known, now)

    def copy(self, number: int, records: Iterable[Any], now: datetime) -> NodeBatch:
        """The copies that consumed records of partition `number` of rollcall.nodes ask for."""
        batch = NodeBatch()
        for record in records:
            try:
                event = models.decode(NodeEvent, record.value or b"")
                check_placement(event.node.encode(), number, self._partitions)
                batch.effects.joins.extend(self._copies_of(number, event, now))
            except Exception as error:  # an exception in a rule must not stop the other records
                batch.effects.joins.append(refusal(topics.NODES, record, error, now))
                batch.misplaced |= isinstance(error, Misplaced)
        return batch

    def _copies_of(self, number: int, event: NodeEvent, now: datetime) -> list[Record]:
        if event.source in (Source.RTPENGINE, Source.MRCP):
            return []  # it holds no bindings, and must not end those of a SIP server with its name
        is_back = self.leases.renew(number, event, now)
        if event.kind in _COPIED and (self._is_due(event) or is_back):
            return self._copies(event.id, event.kind, event.node, event.boot, event.at)
        return []

    def expire_leases(self, now: datetime) -> tuple[Effects, list[Lease]]:
        """The copies that report the nodes whose leases have run out, and those leases."""
        effects, lost = Effects(), self.leases.expire(now)
        for lease in lost:
            # One id for each loss, whichever worker finds it.
            id_ = f"{lease.node}/{lease.boot}/lost-{round(lease.at.timestamp() * 1e6)}"
            effects.joins.extend(self._copies(id_, NodeKind.LOST, lease.node, lease.boot, lease.at))
        return effects, lost

    def _is_due(self, event: NodeEvent) -> bool:
        last = self._last.get(event.node)
        if event.kind is NodeKind.HEARTBEAT and last is not None and event.at - last < self._tick:
            return False
        self._last[event.node] = event.at
        return True

    def _copies(self, id_: str, kind: NodeKind, node: str, boot: str, at: datetime) -> list[Record]:
        change = NodeChange(id=id_, kind=kind, node=node, boot=boot, at=at)
        value, key = models.encode(change), node.encode()
        head = headers(
            topics.NODE_CHANGES,
            id=id_,
            source=f"rollcall/streams/{node}",
            subject=node,
            time=at,
            kind=kind,
        )
        return [
            Record(topics.NODE_CHANGES, partition, key, value, head)
            for partition in range(self._partitions)
        ]
