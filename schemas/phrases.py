"""Sentences for the vocabulary: causes, kinds of events, marks of bindings.

`rollcall explain` and the board print them. A test compares them with the vocabulary: a new value
without a sentence fails it.
"""

from collections.abc import Iterator
from typing import NamedTuple

from schemas.vocabulary import CallKind, Cause, NodeKind, RegistrationKind, Status

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


def phrase(kind: str) -> str:
    """What an event of this kind reports."""
    return KINDS.get(kind, kind)


def because(cause: str) -> str:
    """Why a change was made, as it reads after "because"."""
    return CAUSES[Cause(cause)]


class Change(NamedTuple):
    """What the last change of a user made of it; `at` as it is printed."""

    status: Status
    cause: Cause
    at: str


def headline(aor: str, change: Change, bindings: int | None, *, is_now: bool) -> Iterator[str]:
    """The sentences that answer whether a user is (or was) reachable, since when and why.

    `bindings` is their number, None for a user who is not reachable.
    """
    is_ = "is" if is_now else "was"
    since, why = change.at, f"because {because(change.cause)} ({change.cause})"
    if bindings is not None:
        doing = "" if change.status is Status.ONLINE else f", shown {change.status}"
        many = "1 binding" if bindings == 1 else f"{bindings} bindings"
        yield f"{aor} {is_} reachable: {many}{doing}."
        yield f"Last change {since}, {why}."
    elif change.status is Status.OFFLINE:
        yield f"{aor} {is_} offline since {since}, {why}."
    else:
        yield f"{aor} {is_} not reachable since {since}, {why}."
        until = "its grace" if change.status is Status.ONLINE else "its call"
        yield f"It {is_} shown {change.status} until {until} ends."
