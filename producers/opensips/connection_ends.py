"""The connections that the server has reported as ended lately: by peer, or all at its restart.

Pure. E_CORE_TCP_DISCONNECT names no contact: address and time show which contact was removed
because of it, and which contact read from a database had lost its connection.
"""

from collections import deque
from datetime import datetime, timedelta

from schemas.origin import Address

# A contact removed this soon after its connection's end was removed because of it.
DISCONNECT_WINDOW = timedelta(milliseconds=50)


class ConnectionEnds:
    """Bounded: the last thousand."""

    def __init__(self) -> None:
        self._disconnects: deque[tuple[Address, datetime]] = deque(maxlen=1000)
        self._restarted: datetime | None = None

    def disconnected(self, remote: Address, at: datetime) -> None:
        """The connection from `remote` has ended."""
        self._disconnects.append((remote, at))

    def lost_connection(self, remote: Address | None, at: datetime) -> bool:
        """Whether the connection from `remote` has ended just now (DISCONNECT_WINDOW)."""
        return any(
            known == remote and at - when <= DISCONNECT_WINDOW
            for known, when in reversed(self._disconnects)
        )

    def restarted(self, at: datetime) -> None:
        """Every connection of the server has ended."""
        self._restarted = at

    def has_ended(self, remote: Address | None, since: datetime) -> bool:
        """Whether a connection from `remote` has ended since."""
        if self._restarted is not None and self._restarted >= since:
            return True
        return any(known == remote and when >= since for known, when in self._disconnects)
