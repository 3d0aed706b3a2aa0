"""Sentences for the causes, event kinds, marks and fences that explanations print.

Tests compare these with streams/ and the vocabulary: a new value without a sentence fails them.
"""

from datetime import timedelta

from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind

# Why a fold ignored an event, by the name of its fence.
REASONS = {
    "already-applied": "This same event had ended a binding before: it was delivered twice.",
    "already-ended": "The binding had already ended, at this event's time or later.",
    "already-listed": "This same row of the listing was read before: it was delivered twice.",
    "already-told": "It was already known.",
    "another-registration": "It belongs to an earlier registration of the same contact, with "
    "another Call-ID. The current one stays.",
    "another-registrars-row": "It belongs to an older row of the same contact, left in the "
    "profile or table where the client was before.",
    "behind-an-edge": "The connection that ended is the proxy's, not the client's. The client's "
    "own connection is at the edge, and only its end counts.",
    "call-went-no-further": "The call was already in this state, or in a later one.",
    "connection-already-told": "The end of the connection had already ended the binding. This is "
    "the registrar's report of the same.",
    "dead-letter": "It could not be read. It is kept in rollcall.dead-letters.",
    "kernel-tells": "The registrar does not report which connection closed, and may mean one that "
    "the client has left. The kernel watches this binding's connection: only its events count.",
    "kind-has-no-effect": "This kind of event starts or ends no binding and no call.",
    "leg-already-ended": "The call had already ended: a late event does not reopen it.",
    "listed-but-gone": "The registrar still lists the binding, but the kernel has no such "
    "connection. Servers list bindings whose connection is gone.",
    "listed-but-ended": "The registrar still lists the binding, but its end is known. Servers list "
    "ended bindings for minutes.",
    "no-binding-named": "It does not name the binding it belongs to. The next listing decides.",
    "no-leg-named": "It does not name the leg it belongs to.",
    "no-such-binding": "The binding it belongs to does not exist, or no longer.",
    "no-such-leg": "The call it belongs to does not exist, or no longer.",
    "node-is-down": "The node's process was known to have stopped: this confirmation is from "
    "before that.",
    "older-than-binding": "It is late: the client has registered again since it happened.",
    "older-than-end": "It is late: the binding ended after it happened.",
    "older-than-leg": "It is late: a newer event of the call is known.",
    "older-than-node": "It is late: a newer event of the node is known.",
    "other-incarnation": "The connection that ended is not the one the binding is on: the client "
    "has registered over another since.",
    "rule-failed": "A rule of Rollcall raised an error for this user (the worker's log has it): "
    "the user is left as before.",
}

# For events that only move the tombstone of an end: no fold ignores them.
ENDED_EARLIER = "ended-earlier"
_EARLIER = (
    "The binding had ended before this arrived: the registrar only removes its row. "
    "The event that ended it is under Ended."
)

# Causes, as they read after "because".
CAUSES = {
    Cause.REGISTERED: "the client registered",
    Cause.UNREGISTERED: "the client unregistered",
    Cause.EXPIRED: "the registration was not renewed in time",
    Cause.REPLACED: "another device took its place",
    Cause.CONNECTION_CLOSED: "its connection was closed",
    Cause.CONNECTION_RESET: "its connection was reset",
    Cause.CONNECTION_TIMED_OUT: "its connection timed out: the client's side stopped answering",
    Cause.CONNECTION_SUSPECT: "the client's side of its connection stopped acknowledging",
    Cause.CONNECTION_RECOVERED: "the client's side of its connection acknowledges again",
    Cause.PING_LOST: "the client no longer answered the registrar's pings",
    Cause.PING_RESTORED: "the client answers the registrar's pings again",
    Cause.NODE_LOST: "its node stopped, or no event of it came within its lease",
    Cause.NODE_RESTORED: "events of its node come again",
    Cause.NODE_UNCERTAIN: "events of its node may be missing, and no listing came",
    Cause.NODE_CERTAIN: "a listing of its node has come",
    Cause.NODE_RESTARTED: "its node restarted, and its connections ended with the old process",
    Cause.FOUND_IN_SNAPSHOT: "the registrar lists it, though no event reported it",
    Cause.MISSING_FROM_SNAPSHOT: "the registrar no longer lists it: no event reported its end",
    Cause.ADMINISTRATIVE: "an operator or the registrar removed it long before it expired",
    Cause.CALL_RINGING: "a call rings",
    Cause.CALL_ANSWERED: "a call was answered",
    Cause.CALL_HELD: "a call was put on hold",
    Cause.CALL_RESUMED: "a call was taken off hold",
    Cause.CALL_ENDED: "a call ended",
    Cause.MEDIA_LOST: "the media of a call stopped",
    Cause.MEDIA_RESTORED: "the media of a call resumed",
}

# Kinds of events in the log.
KINDS = {
    RegistrationKind.REGISTERED: "the client registered",
    RegistrationKind.REFRESHED: "the client renewed its registration",
    RegistrationKind.UNREGISTERED: "the client unregistered",
    RegistrationKind.EXPIRED: "the registrar removed a binding that was not renewed",
    RegistrationKind.REFUSED: "a REGISTER was refused: wrong or missing credentials",
    RegistrationKind.CONNECTION_LOST: "the registrar reports a closed connection",
    RegistrationKind.PING_LOST: "the client does not answer the registrar's pings",
    RegistrationKind.PING_RESTORED: "the client answers the registrar's pings",
    RegistrationKind.WILDCARD: "the client unregistered all its contacts at once",
    RegistrationKind.SNAPSHOT_BEGAN: "a listing begins",
    RegistrationKind.SNAPSHOT_ROW: "the registrar lists it",
    RegistrationKind.SNAPSHOT_ENDED: "a listing is complete",
    RegistrationKind.CONNECTIONS_LISTED: "an edge lists its clients' connections",
    CallKind.TRYING: "a call begins",
    CallKind.RINGING: "a call rings",
    CallKind.EARLY: "a call plays early media",
    CallKind.ANSWERED: "a call was answered",
    CallKind.HELD: "a call was put on hold",
    CallKind.RESUMED: "a call was taken off hold",
    CallKind.BRIDGED: "a call was connected to its other leg",
    CallKind.ENDED: "a call ended",
    CallKind.DTMF: "a digit was pressed",
    NodeKind.UP: "the node's process started, or was found running",
    NodeKind.DOWN: "the node's process stopped",
    NodeKind.HEARTBEAT: "the node sent a heartbeat",
    NodeKind.LOST: "no event of the node came within its lease",
    NodeKind.UNWATCHED: "the node's producer was stopped",
    NodeKind.GAP: "events of the node may be missing",
    NodeKind.INFRASTRUCTURE: "the node reports its infrastructure",
    Cause.CONNECTION_CLOSED: "the client's connection was closed",
    Cause.CONNECTION_RESET: "the client's connection was reset",
    Cause.CONNECTION_TIMED_OUT: "the client's connection timed out",
    Cause.CONNECTION_SUSPECT: "the client's side of the connection stopped acknowledging",
    Cause.CONNECTION_RECOVERED: "the client's side of the connection acknowledges again",
    Cause.NODE_LOST: "the server's side of all its connections is gone",
    "media": "the media proxy measured a call",
    "unreadable": "a record that could not be read",
}

# Marks of a binding that is kept.
MARKS = {
    "ping-lost": "is not reachable (it no longer answers the registrar's pings)",
    "edge-lost": "is not reachable (lost at its edge, though the registrar lists it)",
    "registrar-lost": "is not reachable (an edge's binding that has ended at the registrar behind)",
    "node-lost": "is not reachable (its node was lost)",
    "suspect": "is uncertain (the client's side of its connection stopped acknowledging)",
    "edge-uncertain": "is uncertain (its edge's events are missing, and nothing shows its client)",
    "stale": "is uncertain (events of its node may be missing, and no listing has come since)",
}

# Suffixes of the ids of events that the folds derive from another event.
OVERDUE, RESTARTED = "/overdue", "/restarted"

# An event that reached Kafka this much after it happened is late. Clocks differ by less.
LATE = timedelta(seconds=1)


def phrase(kind: str) -> str:
    """What an event of this kind reports."""
    return KINDS.get(kind, kind)


def because(cause: str) -> str:
    """Why a change was made, as it reads after "because"."""
    return CAUSES[Cause(cause)]


def reason(fence: str) -> str:
    """Why an event with this fence was ignored."""
    return _EARLIER if fence == ENDED_EARLIER else REASONS[fence]
