"""The closed sets of words every event, session and presence record is written in."""

from enum import StrEnum


class Source(StrEnum):
    """What observed an event."""

    FREESWITCH = "freeswitch"
    OPENSIPS = "opensips"
    SOCKETS = "sockets"
    KAMAILIO = "kamailio"
    RTPENGINE = "rtpengine"
    STREAMS = "streams"  # derived by Rollcall itself: own expiry timers, sweeps


class Transport(StrEnum):
    """A SIP transport (RFC 3261 §18, RFC 7118)."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"
    WS = "ws"
    WSS = "wss"

    @property
    def is_connection(self) -> bool:
        """Whether a registration over it hangs on one TCP connection."""
        return self is not Transport.UDP


class RegistrationKind(StrEnum):
    """What happened to a binding, or to the listing of bindings."""

    REGISTERED = "registered"
    REFRESHED = "refreshed"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    REFUSED = "refused"
    CONNECTION_LOST = "connection-lost"  # the registrar says so itself, without naming a contact
    PING_LOST = "ping-lost"
    PING_RESTORED = "ping-restored"
    WILDCARD = "wildcard"  # Contact: * was accepted; which bindings went only a snapshot tells
    SNAPSHOT_BEGAN = "snapshot-began"
    SNAPSHOT_ROW = "snapshot-row"
    SNAPSHOT_ENDED = "snapshot-ended"


class ConnectionKind(StrEnum):
    """What happened to a transport connection."""

    OPENED = "opened"
    CLOSED = "closed"
    RESET = "reset"
    TIMED_OUT = "timed-out"
    SUSPECT = "suspect"
    RECOVERED = "recovered"

    @property
    def is_end(self) -> bool:
        return self in (ConnectionKind.CLOSED, ConnectionKind.RESET, ConnectionKind.TIMED_OUT)


class CallKind(StrEnum):
    """What happened to a call leg (RFC 4235 §3.7.1 in brackets)."""

    TRYING = "trying"  # [trying]
    RINGING = "ringing"  # [early], 180
    EARLY = "early"  # [early], 183 with media
    ANSWERED = "answered"  # [confirmed]
    HELD = "held"
    RESUMED = "resumed"
    BRIDGED = "bridged"
    ENDED = "ended"  # [terminated]
    DTMF = "dtmf"
    SNAPSHOT_BEGAN = "snapshot-began"
    SNAPSHOT_ROW = "snapshot-row"
    SNAPSHOT_ENDED = "snapshot-ended"


class CallState(StrEnum):
    """Where a leg stands; it never goes back from ended."""

    TRYING = "trying"
    RINGING = "ringing"
    EARLY = "early"
    ANSWERED = "answered"
    HELD = "held"
    ENDED = "ended"


class Direction(StrEnum):
    """Of a leg, seen from its user."""

    OUTGOING = "outgoing"  # the user called
    INCOMING = "incoming"  # the user was called


class NodeKind(StrEnum):
    """What happened to a SIP node."""

    UP = "up"
    DOWN = "down"
    HEARTBEAT = "heartbeat"
    GAP = "gap"  # events may have been lost; a snapshot follows


class Status(StrEnum):
    """What people see. Precedence: no binding, then calls, then bindings."""

    OFFLINE = "offline"
    ONLINE = "online"
    RINGING = "ringing"
    ON_THE_PHONE = "on-the-phone"  # RFC 4480 §3.2
    HELD = "held"


class Cause(StrEnum):
    """Why presence changed."""

    REGISTERED = "registered"
    UNREGISTERED = "unregistered"
    EXPIRED = "expired"
    REPLACED = "replaced"
    CONNECTION_CLOSED = "connection-closed"
    CONNECTION_RESET = "connection-reset"
    CONNECTION_TIMED_OUT = "connection-timed-out"
    PING_LOST = "ping-lost"
    PING_RESTORED = "ping-restored"
    NODE_LOST = "node-lost"
    NODE_RESTARTED = "node-restarted"
    FOUND_IN_SNAPSHOT = "found-in-snapshot"
    MISSING_FROM_SNAPSHOT = "missing-from-snapshot"
    ADMINISTRATIVE = "administrative"
    CALL_RINGING = "call-ringing"
    CALL_ANSWERED = "call-answered"
    CALL_HELD = "call-held"
    CALL_RESUMED = "call-resumed"
    CALL_ENDED = "call-ended"
