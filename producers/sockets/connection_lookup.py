"""The kernel's word on a registration: the cookie of its connection, or that it is gone already."""

from producers.sockets.connection_events import gone
from producers.sockets.query import Answer, ConnectionQuery, Found, Gone
from schemas.connection import ConnectionEvent
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind

_REASONS = {
    RegistrationKind.REGISTERED: "gone at registration",
    RegistrationKind.REFRESHED: "gone at registration",
    RegistrationKind.SNAPSHOT_ROW: "gone when listed",
}


def shows_binding(event: object) -> bool:
    """Whether a record says that a binding lives, so that its connection should."""
    return isinstance(event, RegistrationEvent) and event.kind in _REASONS


def testify(
    query: ConnectionQuery, event: RegistrationEvent
) -> tuple[Answer | None, ConnectionEvent | None]:
    """Put the cookie on the event, or give the end of its connection to publish after it.

    The first is what the kernel answered, None where it was not asked.

    An event not over a connection, or about which the kernel cannot be asked, stays as it is.
    """
    remote, transport = event.remote, event.transport
    if event.path is not None:
        return None, None  # the connection is a proxy's, shared by its clients
    if remote is None or transport is None or not transport.is_connection:
        return None, None
    answer = query.cookie_of(None, remote)
    if isinstance(answer, Found):
        event.cookie = answer.cookie
        return answer, None
    if isinstance(answer, Gone):
        reason = _REASONS[event.kind]
        return answer, gone(event.id, event.node, event.at, transport, remote, reason)
    return answer, None


def denied(event: RegistrationEvent, end: ConnectionEvent) -> ConnectionEvent:
    """The kernel's denial is believed: what is only listed is marked; `end` is to be published."""
    event.connection_gone = event.kind is RegistrationKind.SNAPSHOT_ROW
    return end
