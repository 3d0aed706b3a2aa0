"""The nodes as the board lists them: how each is, its lease, and its users (pure)."""

from datetime import timedelta
from typing import Any

from sinks.gateway.board.counts import Summary, Totals
from sinks.gateway.nodes.known import Condition, KnownNode, KnownNodes

# Nodes a summary lists.
MOST_NODES = 500
_LEASED = (Condition.UP, Condition.UNCERTAIN, Condition.STALE)


def nodes_json(
    nodes: KnownNodes, counts: Summary, lease: timedelta, *, everybody: bool
) -> list[dict[str, Any]]:
    """All nodes by name; for a viewer who may not see `everybody`, those that its users are on.

    Times are seconds since the epoch.
    """
    names = set(counts.nodes) | (set(nodes.by_name) if everybody else set())
    return [
        {
            "node": name,
            **_state(nodes.by_name.get(name) or KnownNode(), lease),
            **counts.nodes.get(name, Totals()).as_json(),
        }
        for name in sorted(names)[:MOST_NODES]
    ]


def _state(node: KnownNode, lease: timedelta) -> dict[str, Any]:
    heard = node.heard
    ends = heard + lease if heard is not None and node.condition in _LEASED else None
    return {
        "condition": node.condition,
        "source": node.source,
        "version": node.version,
        "heard_at": heard.timestamp() if heard else None,
        "lease_ends_at": ends.timestamp() if ends else None,
    }
