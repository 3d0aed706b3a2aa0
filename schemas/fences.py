"""The fences: the rules by which an event that is late, repeated or about something else changes
nothing. They are the values of the label `fence` of rollcall_fenced_total.

operate/explain/phrases.py has a sentence for each.
"""

from enum import StrEnum


class Fence(StrEnum):
    """Why an event changed nothing."""

    ALREADY_APPLIED = "already-applied"
    ALREADY_ENDED = "already-ended"
    ALREADY_KNOWN = "already-told"
    ALREADY_LISTED = "already-listed"
    ANOTHER_REGISTRATION = "another-registration"
    ANOTHER_REGISTRARS_ROW = "another-registrars-row"
    BEHIND_AN_EDGE = "behind-an-edge"
    CALL_WENT_NO_FURTHER = "call-went-no-further"
    CONNECTION_END_KNOWN = "connection-already-told"
    DEAD_LETTER = "dead-letter"
    KERNEL_DECIDES = "kernel-tells"
    KIND_HAS_NO_EFFECT = "kind-has-no-effect"
    LEG_ALREADY_ENDED = "leg-already-ended"
    LISTED_BUT_ENDED = "listed-but-ended"
    LISTED_BUT_GONE = "listed-but-gone"
    NO_BINDING_NAMED = "no-binding-named"
    NO_LEG_NAMED = "no-leg-named"
    NO_SUCH_BINDING = "no-such-binding"
    NO_SUCH_LEG = "no-such-leg"
    NODE_IS_DOWN = "node-is-down"
    OLDER_THAN_BINDING = "older-than-binding"
    OLDER_THAN_END = "older-than-end"
    OLDER_THAN_LEG = "older-than-leg"
    OLDER_THAN_NODE = "older-than-node"
    OTHER_INCARNATION = "other-incarnation"
    RULE_FAILED = "rule-failed"
