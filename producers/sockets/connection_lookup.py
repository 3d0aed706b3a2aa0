"""Puts the kernel's cookie on registrations: on which connection each REGISTER came.

A registrar's producer asks here for each record of a living binding, before it is published.
Where the connection is gone already, its end is published right after the registration.
"""

from producers.sockets.connection_events import end_of_gone
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, live_connections
from producers.sockets.query import Answer, ConnectionQuery, Found, Gone
from producers.translated import Translated
from runtime import logs
from schemas.connection import ConnectionEvent
from schemas.registration import RegistrationEvent
from schemas.topics import CONNECTIONS
from schemas.vocabulary import RegistrationKind

log = logs.get(__name__)

_REASONS = {
    RegistrationKind.REGISTERED: "gone at registration",
    RegistrationKind.REFRESHED: "gone at registration",
    RegistrationKind.SNAPSHOT_ROW: "gone when listed",
}


class ConnectionLookup:
    """Base: asks about every connection while `on`. A producer decides when and how to open."""

    def __init__(self) -> None:
        self._query: ConnectionQuery | None = None
        self._logged: str | None = None

    @property
    def on(self) -> bool:
        """Whether the kernel is asked."""
        return self._query is not None

    def close(self) -> None:
        if self._query is not None:
            self._query.close()
        self._query = None

    def add_cookies(self, records: list[Translated]) -> list[Translated]:
        """The records, with cookies; after a binding whose connection is gone follows its end."""
        if self._query is None:
            return records
        result = []
        for record in records:
            result.append(record)
            if shows_binding(record.event):
                result += self._look_up(self._query, record.event)
        return result

    def _look_up(self, query: ConnectionQuery, event: RegistrationEvent) -> list[Translated]:
        """Put the cookie on the event; the end of its connection where that is gone."""
        _, end = look_up(query, event)
        return [gone(event, end)] if end is not None else []

    def _list(self, ports: frozenset[int]) -> LiveConnections | None:
        """All connections to these ports; None where the kernel does not list them."""
        try:
            return live_connections(ports)
        except (KernelRefuses, QueryFailed) as error:
            log.warning("cannot list the kernel's connections", detail=str(error))
            return None

    def _log_once(self, message: str, **details: str) -> None:
        """Log what has changed since the last time."""
        line = f"{message} {details}"
        if self._logged != line:
            self._logged = line
            log.info(message, **details)


def shows_binding(event: object) -> bool:
    """Whether a record shows a living binding, whose connection should exist."""
    return isinstance(event, RegistrationEvent) and event.kind in _REASONS


def look_up(
    query: ConnectionQuery, event: RegistrationEvent
) -> tuple[Answer | None, ConnectionEvent | None]:
    """Put the cookie on the event, or return the end of its connection, to be published after it.

    The first value is the kernel's answer; None where it was not asked, because the binding has no
    connection of its own. An event that the kernel cannot be asked about stays as it is.
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
        return answer, end_of_gone(event.id, event.node, event.at, transport, remote, reason)
    return answer, None


def gone(event: RegistrationEvent, end: ConnectionEvent) -> Translated:
    """The record of a connection's end; a listed binding is marked as without a connection."""
    event.connection_gone = event.kind is RegistrationKind.SNAPSHOT_ROW
    return Translated(CONNECTIONS, end.connection, end)
