"""Sentences for the fences that explanations print; those of the vocabulary: schemas/phrases.py.

Tests compare these with streams/: a new fence without a sentence fails them.
"""

from datetime import timedelta

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

# Suffixes of the ids of events that the folds derive from another event.
OVERDUE, RESTARTED = "/overdue", "/restarted"

# An event that reached Kafka this much after it happened is late. Clocks differ by less.
LATE = timedelta(seconds=1)


def reason(fence: str) -> str:
    """Why an event with this fence was ignored."""
    return _EARLIER if fence == ENDED_EARLIER else REASONS[fence]
