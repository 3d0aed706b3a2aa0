"""Plain sentences for the words that folds and events use: read by a person at three at night.

Tests hold these against streams/ and the vocabulary: a new word without a sentence fails them.
"""

from datetime import timedelta

from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind

# Of each reason that a fold gives for ignoring an event.
REASONS = {
    "already-applied": "This very event had ended a binding before: it came twice.",
    "already-ended": "The binding had ended already, later than this happened or with it.",
    "already-listed": "This very row of the listing was read before: it came twice.",
    "already-told": "It was known already.",
    "another-registration": "It is about an earlier registration of the same contact, under "
    "another Call-ID. The present one stands.",
    "another-registrars-row": "It is about an older row of the same contact, left at the profile "
    "or table where the client was before.",
    "behind-an-edge": "The connection that ended is the proxy's, not the client's: the client's "
    "own ends at the edge, and only its end counts.",
    "call-went-no-further": "The call stood there already, or further on.",
    "connection-already-told": "The connection's own end had ended the binding before. This is the "
    "registrar's word for the same.",
    "dead-letter": "It could not be read. It is kept in rollcall.dead-letters.",
    "kernel-tells": "The registrar does not say which connection closed, and says it also of one "
    "that the client has left. The kernel watches this binding's connection: only its word counts.",
    "kind-has-no-effect": "By itself it begins and ends no binding and no call.",
    "leg-already-ended": "The call had ended already: a late word does not bring it back.",
    "listed-but-gone": "The registrar still lists the binding, but the kernel knows no such "
    "connection. Servers list the dead.",
    "listed-but-ended": "The registrar still lists the binding, but its end is known. Servers list "
    "the dead for minutes.",
    "no-binding-named": "It does not say which binding it is about. The next listing settles it.",
    "no-leg-named": "It does not say which leg of which call it is about.",
    "no-such-binding": "The binding it is about is not there, or not any more.",
    "no-such-leg": "The call it is about is not there, or not any more.",
    "node-is-down": "The node's process was known to have stopped: what it still confirms was said "
    "before that.",
    "older-than-binding": "It is late: the client has registered again since it happened.",
    "older-than-end": "It is late: the binding ended after it happened.",
    "older-than-leg": "It is late: something newer is known of the call.",
    "older-than-node": "It is late: the node has said something newer since.",
    "other-incarnation": "The connection that ended is not the one the binding is on: the client "
    "has registered over another since.",
    "rule-failed": "A rule of this program failed at what it means for this user (the worker's log "
    "has the error): the user is left as before.",
}

# Of what only moves the fence that an end has left: no fold ignores it.
ENDED_EARLIER = "ended-earlier"
_EARLIER = (
    "The binding had ended before this came: by it the registrar only drops its row. "
    "What ended it stands under Ended."
)

# Of each cause; after "because".
CAUSES = {
    Cause.REGISTERED: "the client registered",
    Cause.UNREGISTERED: "the client signed off",
    Cause.EXPIRED: "nobody renewed the registration in time",
    Cause.REPLACED: "another device took its place",
    Cause.CONNECTION_CLOSED: "its connection was closed",
    Cause.CONNECTION_RESET: "its connection was reset",
    Cause.CONNECTION_TIMED_OUT: "its connection timed out: the client's side had fallen silent",
    Cause.CONNECTION_SUSPECT: "the client's side of its connection stopped acknowledging",
    Cause.CONNECTION_RECOVERED: "the client's side of its connection acknowledges again",
    Cause.PING_LOST: "the client no longer answered the registrar's pings",
    Cause.PING_RESTORED: "the client answers the registrar's pings again",
    Cause.NODE_LOST: "its node stopped, or nothing was heard of it for too long",
    Cause.NODE_RESTORED: "its node is heard of again",
    Cause.NODE_UNCERTAIN: "events of its node may be missing, and no listing came",
    Cause.NODE_CERTAIN: "a listing of its node has come",
    Cause.NODE_RESTARTED: "its node started anew, and its connections ended with the old process",
    Cause.FOUND_IN_SNAPSHOT: "the registrar lists it, though no event had told of it",
    Cause.MISSING_FROM_SNAPSHOT: "the registrar lists it no more, though no event had told of it",
    Cause.ADMINISTRATIVE: "an operator or the registrar dropped it long before it was due",
    Cause.CALL_RINGING: "a call rings",
    Cause.CALL_ANSWERED: "a call was answered",
    Cause.CALL_HELD: "a call was put on hold",
    Cause.CALL_RESUMED: "a call was taken off hold",
    Cause.CALL_ENDED: "a call ended",
    Cause.MEDIA_LOST: "no media of a call came any more",
    Cause.MEDIA_RESTORED: "media of a call comes again",
}

# Of each kind of event in the log: what was said.
KINDS = {
    RegistrationKind.REGISTERED: "the client registered",
    RegistrationKind.REFRESHED: "the client renewed its registration",
    RegistrationKind.UNREGISTERED: "the client signed off",
    RegistrationKind.EXPIRED: "the registrar dropped a binding that was not renewed",
    RegistrationKind.REFUSED: "a REGISTER was refused: wrong or missing credentials",
    RegistrationKind.CONNECTION_LOST: "the registrar says that a connection closed",
    RegistrationKind.PING_LOST: "the client does not answer the registrar's pings",
    RegistrationKind.PING_RESTORED: "the client answers the registrar's pings",
    RegistrationKind.WILDCARD: "the client signed off all its contacts at once",
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
    NodeKind.HEARTBEAT: "the node's clock went on",
    NodeKind.LOST: "nothing was heard of the node for its lease",
    NodeKind.UNWATCHED: "the node's producer was stopped",
    NodeKind.GAP: "events of the node may be missing",
    NodeKind.INFRASTRUCTURE: "the node speaks of what it works with",
    Cause.CONNECTION_CLOSED: "the client's connection was closed",
    Cause.CONNECTION_RESET: "the client's connection was reset",
    Cause.CONNECTION_TIMED_OUT: "the client's connection timed out",
    Cause.CONNECTION_SUSPECT: "the client's side of the connection stopped acknowledging",
    Cause.CONNECTION_RECOVERED: "the client's side of the connection acknowledges again",
    Cause.NODE_LOST: "the server's end of all its connections is gone",
    "media": "the media proxy measured a call",
    "unreadable": "a record that could not be read",
}

# Of each mark on a binding that is kept.
MARKS = {
    "ping-lost": "is not reachable (it no longer answers the registrar's pings)",
    "edge-lost": "is not reachable (its end at the edge is gone, though the registrar lists it)",
    "registrar-lost": "is not reachable (it is an edge's, and the registrar behind has ended)",
    "node-lost": "is not reachable (its node was lost)",
    "suspect": "is in doubt (the client's side of its connection stopped acknowledging)",
    "edge-uncertain": "is uncertain (its edge's reports are missing, and nothing shows its client)",
    "stale": "is in doubt (events of its node may be missing, and no listing has come since)",
}

# How ids of events end that the folds make of another (streams/folds/expiry.py,
# streams/folds/previous_process.py).
OVERDUE, RESTARTED = "/overdue", "/restarted"

# An event that came to Kafka so long after it happened was late. Clocks differ by less.
LATE = timedelta(seconds=1)


def phrase(kind: str) -> str:
    """What an event of this kind said."""
    return KINDS.get(kind, kind)


def because(cause: str) -> str:
    return CAUSES[Cause(cause)]


def reason(fence: str) -> str:
    """Why an event was ignored."""
    return _EARLIER if fence == ENDED_EARLIER else REASONS[fence]
