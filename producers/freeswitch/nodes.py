"""HEARTBEAT and SHUTDOWN → nodes. Pure."""

from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.node_marks import node_mark
from producers.translated import Translated
from schemas.vocabulary import NodeKind


def translate_heartbeat(event: SwitchEvent, context: Context) -> list[Translated]:
    """The switch's own heartbeat, every 20 seconds, with its version and uptime."""
    milliseconds = event.number("Uptime-msec")
    mark = node_mark(
        NodeKind.HEARTBEAT,
        context.origin(event),
        version=event.text("FreeSWITCH-Version"),
        uptime_seconds=milliseconds / 1000 if milliseconds is not None else None,
    )
    return [mark]


def translate_shutdown(event: SwitchEvent, context: Context) -> list[Translated]:
    """The last event of an orderly stop."""
    reason = event.text("Event-Info") or "shutdown"
    return [node_mark(NodeKind.DOWN, context.origin(event), reason=reason)]
