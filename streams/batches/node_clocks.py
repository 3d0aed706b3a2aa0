"""Each node's time, by its own latest event: it drives the timers of the node's users."""

from collections.abc import Mapping
from datetime import datetime

from streams.models import NodeState


class NodeClocks:
    """The clocks of the nodes that have users in one partition."""

    def __init__(self, nodes: Mapping[str, NodeState]) -> None:
        self._nodes = nodes
        self.latest: dict[str, datetime] = {}  # time of each node's own latest event

    def advance(self, node: str, at: datetime) -> None:
        """Move a node's clock on to the time of one of its own events."""
        known = self.latest.get(node)
        if known is None or at > known:
            self.latest[node] = at

    def time(self, node: str, now: datetime) -> datetime | None:
        """A node's time. While a node is lost it goes on with the worker's clock."""
        known, state = self.latest.get(node), self._nodes.get(node)
        if state is not None and state.lost and state.changed is not None:
            known = max(known or state.at, state.at + (now - state.changed))
        return known
