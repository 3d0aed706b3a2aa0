"""E_CORE_TCP_DISCONNECT (3.3 and later) → connections: the end of a client's connection.

Pure but for the context's memory. The server raises the event for all its connections: only where
it listens on `dst_port` did a client open the connection. Those that it opened itself, to a
registrar or another proxy, have their ends reversed and are not clients'.
"""

from producers.opensips.context import Context
from producers.receive_times import Received
from producers.sip_proxy import contact
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.connection import ConnectionEvent, connection_id
from schemas.topics import CONNECTIONS
from schemas.vocabulary import ConnectionKind, Transport


def translate_disconnect(
    event: ServerEvent, context: Context, received: Received
) -> list[Translated]:
    """The end of a connection; FIN, RST and timeouts are one event. Raises InvalidRecord."""
    local_port = event.required_number("dst_port")
    if local_port not in context.ports:
        return []
    remote = contact.address(event.required("src_ip"), event.required_number("src_port"), "src_ip")
    name = event.required("proto").lower()
    if name not in set(Transport) or not Transport(name).is_connection:
        raise InvalidRecord("proto", "not a SIP transport over TCP")
    context.connection_ends.disconnected(remote, received.at)
    key = connection_id(context.node, remote)
    record = build(
        ConnectionEvent,
        **context.origin(received),
        kind=ConnectionKind.CLOSED,
        connection=key,
        transport=Transport(name),
        remote=remote,
        local=contact.address(event.required("dst_ip"), local_port, "dst_ip"),
        reason="E_CORE_TCP_DISCONNECT",
    )
    return [Translated(CONNECTIONS, key, record)]
