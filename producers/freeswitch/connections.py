"""sofia::tp_error → connections, where a site's mod_sofia has the patch that fires it.

Pure. It speaks only for resets with nothing pending; killed clients never come this way.
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
    """A connection's end; none of a datagram transport, which has no connection to lose."""
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
