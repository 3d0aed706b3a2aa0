"""The node events that a producer itself publishes: up, heartbeat, gap, down, unwatched. Pure."""

from typing import Any

from producers.translated import Translated
from schemas.codec import build, sendable
from schemas.node import NodeEvent
from schemas.topics import NODES
from schemas.vocabulary import NodeKind


def node_mark(
    kind: NodeKind,
    origin: dict[str, Any],
    *,
    version: str | None = None,
    uptime_seconds: float | None = None,
    reason: str | None = None,
) -> Translated:
    """The record of a node event; `origin` holds the fields of schemas.origin.Event."""
    event = build(
        NodeEvent,
        **origin,
        kind=kind,
        version=sendable(version) if version else None,
        uptime_seconds=uptime_seconds,
        reason=sendable(reason) if reason else None,
    )
    return Translated(NODES, event.node, event)
