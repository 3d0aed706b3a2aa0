"""The SIP nodes as the streams and their producers report them (pure).

The streams keep the state of a node (rollcall.node-state); when it was last heard from, and what
it is, only its producer's events show (rollcall.nodes).
"""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from schemas.internal import NodeState
from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind, Source


class Condition(StrEnum):
    """How a node is, the worst that holds."""

    UP = "up"  # it sends events
    UNCERTAIN = "uncertain"  # events may have been lost, a listing follows
    STALE = "stale"  # the same for so long that its bindings are marked
    UNWATCHED = "unwatched"  # its producer was stopped
    LOST = "lost"  # its lease ran out: its bindings are unreachable
    DOWN = "down"  # it stopped
    UNKNOWN = "unknown"  # only users' bindings name it, or a media proxy's events


@dataclass(slots=True)
class KnownNode:
    """One node. `heard`: when its last event was written, by Kafka's clock; with that event."""

    state: NodeState | None = None
    heard: datetime | None = None
    last: NodeEvent | None = None
    # Of the last event that had one: heartbeats have none.
    version: str | None = None

    @property
    def condition(self) -> Condition:
        """Of a media proxy the streams keep no state."""
        state = self.state
        if state is None:
            return Condition.UNKNOWN
        if state.down:
            return Condition.DOWN
        if state.lost:
            return Condition.LOST
        if state.unwatched:
            return Condition.UNWATCHED
        if state.stale:
            return Condition.STALE
        return Condition.UNCERTAIN if state.gap is not None else Condition.UP

    @property
    def source(self) -> Source | None:
        return self.last.source if self.last else None


@dataclass(slots=True)
class KnownNodes:
    """All of them, by name. Belongs to the event loop."""

    by_name: dict[str, KnownNode] = field(default_factory=dict)

    def set_state(self, name: str, state: NodeState | None) -> None:
        """The streams' newest state of a node; None: they have forgotten it."""
        if state is not None:
            self._node(name).state = state
        elif (node := self.by_name.get(name)) is not None:
            node.state = None

    def hear(self, event: NodeEvent, at: datetime) -> None:
        """An event of a node, written to Kafka `at`; those of the streams are none of its own."""
        if event.source is Source.STREAMS or event.kind is NodeKind.LOST:
            return
        node = self._node(event.node)
        if node.last is not None and node.last.boot != event.boot:
            node.version = None
        node.heard, node.last = at, event
        node.version = event.version or node.version

    def _node(self, name: str) -> KnownNode:
        if (node := self.by_name.get(name)) is None:
            node = self.by_name[name] = KnownNode()
        return node
