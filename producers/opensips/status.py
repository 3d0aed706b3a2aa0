"""Events of pike, dispatcher, load balancer, rtpengine and clusterer → nodes (INFRASTRUCTURE).

Pure. Also the server's own status, which shows a restart.
"""

from producers.opensips.context import Context, RestartSign
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.codec import build
from schemas.node import NodeEvent
from schemas.topics import NODES
from schemas.vocabulary import NodeKind

_MAX_PARAMETERS = 16


def translate_status(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A record whose `reason` is the event's name and parameters: `E_PIKE_BLOCKED ip=…`."""
    parameters = [
        f"{name[:40]}={event.text(name, 200) or ''}"
        for name in list(event.parameters)[:_MAX_PARAMETERS]
    ]
    record = build(
        NodeEvent,
        **context.origin(received),
        kind=NodeKind.INFRASTRUCTURE,
        reason=_printable(" ".join((event.name, *parameters)))[:1024],
    )
    return [Translated(NODES, context.node, record)]


def translate_server_status(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """E_CORE_SR_STATUS_CHANGED: `core/main running` once the server has started."""
    del received
    about = event.text("group"), event.text("identifier"), event.text("details")
    if about == ("core", "main", "running"):
        context.restart_seen = RestartSign("the server reported that it is running")
    return []


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else "?" for c in text)
