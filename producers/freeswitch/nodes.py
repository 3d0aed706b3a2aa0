"""HEARTBEAT and SHUTDOWN → nodes, and the marks the producer itself sets about its node.

Pure.
"""

from datetime import datetime

from producers.freeswitch.context import Context, Translated
from producers.freeswitch.event import SwitchEvent
from schemas.codec import build, sendable
from schemas.node import NodeEvent
from schemas.topics import NODES
from schemas.vocabulary import NodeKind, Source


def translate_heartbeat(event: SwitchEvent, context: Context) -> list[Translated]:
    """The switch's own sign of life, every 20 seconds, with its version and uptime."""
    milliseconds = event.number("Uptime-msec")
    record = build(
        NodeEvent,
        **context.origin(event),
        kind=NodeKind.HEARTBEAT,
        version=event.text("FreeSWITCH-Version"),
        uptime_seconds=milliseconds / 1000 if milliseconds is not None else None,
    )
    return [Translated(NODES, record.node, record)]


def translate_shutdown(event: SwitchEvent, context: Context) -> list[Translated]:
    """The last event of an orderly stop."""
    record = build(
        NodeEvent,
        **context.origin(event),
        kind=NodeKind.DOWN,
        reason=event.text("Event-Info") or "shutdown",
    )
    return [Translated(NODES, record.node, record)]


def mark(
    kind: NodeKind,
    node: str,
    boot: str,
    seq: int,
    at: datetime,
    *,
    version: str | None = None,
    reason: str | None = None,
) -> Translated:
    """What the producer says of its node; `at` is the node's clock."""
    record = build(
        NodeEvent,
        id=f"{node}/{boot}/{kind.value}/{at.timestamp():.6f}",
        source=Source.FREESWITCH,
        node=node,
        boot=boot,
        seq=seq,
        at=at,
        kind=kind,
        version=sendable(version) if version else None,
        reason=sendable(reason) if reason else None,
    )
    return Translated(NODES, node, record)
