"""sofia::tp_error → connections, where a site's mod_sofia has the patch that fires it.

Pure. The patch reports only resets with nothing pending, and never a killed client.
"""

import errno

from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from producers.translated import Translated
from schemas.codec import InvalidRecord, build
from schemas.connection import ConnectionEvent, connection_id
from schemas.topics import CONNECTIONS
from schemas.vocabulary import ConnectionKind, Transport

_KINDS = {errno.ECONNRESET: ConnectionKind.RESET, errno.ETIMEDOUT: ConnectionKind.TIMED_OUT}


def translate_error(event: SwitchEvent, context: Context) -> list[Translated]:
    """The end of a connection; none for a datagram transport, which has no connections."""
    name = event.required("network-proto").lower()
    if name not in set(Transport):
        raise InvalidRecord("network-proto", "not a SIP transport")
    transport = Transport(name)
    if not transport.is_connection:
        return []
    remote = event.address()
    if remote is None:
        raise InvalidRecord("network-ip", "missing")
    key = connection_id(context.node_of(event), remote)
    record = build(
        ConnectionEvent,
        **context.origin(event),
        kind=_KINDS.get(event.number("errcode") or 0, ConnectionKind.CLOSED),
        connection=key,
        transport=transport,
        remote=remote,
        reason=event.text("errmsg"),
    )
    return [Translated(CONNECTIONS, key, record)]
