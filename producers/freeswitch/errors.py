"""Errors between the producer and the switch, named for what to do about them.

EventSocketError
├── SwitchUnreachable   timed out, no such host: wait and try again; refused: try again soon
├── WrongPassword       change freeswitch.password; tried again slowly all the same
├── AccessDenied        the switch's event_socket ACL rejects this address
├── ConnectionLost      the switch closed the connection, or the network broke
├── HalfOpen            the connection stands but nothing comes over it
├── StreamBroken        frame boundaries are lost; only a new connection helps
└── CommandRefused      the switch answered -ERR, or not in time
"""

from typing import ClassVar


class EventSocketError(Exception):
    """Base; `reason` is the label of the failure's metric."""

    reason: ClassVar[str] = "event-socket"


class SwitchUnreachable(EventSocketError):
    """`is_refused`: nothing listens there, as while the switch restarts: try again soon."""

    reason = "unreachable"

    def __init__(self, message: str, *, is_refused: bool = False) -> None:
        super().__init__(message)
        self.is_refused = is_refused


class WrongPassword(EventSocketError):
    reason = "wrong-password"


class AccessDenied(EventSocketError):
    reason = "access-denied"


class ConnectionLost(EventSocketError):
    reason = "connection-lost"


class HalfOpen(EventSocketError):
    reason = "half-open"


class StreamBroken(EventSocketError):
    reason = "stream-broken"


class CommandRefused(EventSocketError):
    reason = "command-refused"
