"""Node events -> node changes: turning points and the time, one copy to every partition."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from schemas import topics
from schemas.cloudevents import headers
from schemas.vocabulary import NodeKind
from streams import state
from streams.effects import Effects, Record, refusal
from streams.state import NodeChange, NodeEvent

_COPIED = frozenset({NodeKind.UP, NodeKind.DOWN, NodeKind.HEARTBEAT})


class NodeCopier:
    """Decides which node events every partition must know, and makes the copies.

    Heartbeats come every second; a copy of the clock every `tick` is enough for the timers.
    """

    def __init__(self, partitions: int, tick: timedelta) -> None:
        self._partitions = partitions
        self._tick = tick
        self._last: dict[str, datetime] = {}

    def copy(self, records: Iterable[Any], now: datetime) -> Effects:
        """The copies that consumed records of rollcall.nodes ask for."""
        effects = Effects()
        for record in records:
            try:
                event = state.decode(NodeEvent, record.value or b"")
            except state.InvalidRecord as error:
                effects.announcements.append(
                    refusal(topics.NODES, record, error.reason, error.field, now)
                )
                continue
            if event.kind in _COPIED and self._is_due(event):
                effects.announcements.extend(self._copies(event))
        return effects

    def _is_due(self, event: NodeEvent) -> bool:
        last = self._last.get(event.node)
        if event.kind is NodeKind.HEARTBEAT and last is not None and event.at - last < self._tick:
            return False
        self._last[event.node] = event.at
        return True

    def _copies(self, event: NodeEvent) -> list[Record]:
        change = NodeChange(
            id=event.id, kind=event.kind, node=event.node, boot=event.boot, at=event.at
        )
        value, key = state.encode(change), event.node.encode()
        head = headers(
            topics.NODE_CHANGES,
            id=event.id,
            source=f"rollcall/streams/{event.node}",
            subject=event.node,
            time=event.at,
            kind=event.kind,
        )
        return [
            Record(topics.NODE_CHANGES, partition, key, value, head)
            for partition in range(self._partitions)
        ]
