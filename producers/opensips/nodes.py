"""The marks the producer itself sets about its node: up, heartbeat, gap. Pure."""

from producers.opensips.context import Context, Received, Translated
from schemas.codec import build, sendable
from schemas.node import NodeEvent
from schemas.topics import NODES
from schemas.vocabulary import NodeKind


def mark(
    kind: NodeKind,
    context: Context,
    received: Received,
    *,
    version: str | None = None,
    reason: str | None = None,
) -> Translated:
    """`received` is the producer's own clock: the server's events carry none."""
    record = build(
        NodeEvent,
        **context.origin(received, f"/{kind.value}"),
        kind=kind,
        version=sendable(version) if version else None,
        reason=sendable(reason) if reason else None,
    )
    return Translated(NODES, context.node, record)
