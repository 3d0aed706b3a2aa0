"""Errors of dialling, named for what to do about them.

DiallingError
├── Unsafe          a text that must not reach the switch: refuse the command
├── NotPermitted    the destination or the rate is not allowed: refuse the command
└── NodeAway        no event socket to the node now: wait
"""


class DiallingError(Exception):
    """Base."""


class Unsafe(DiallingError):
    """`field` names the command's field; the text itself may be a secret and is not repeated."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field


class NotPermitted(DiallingError):
    """The message is the result's cause."""


class NodeAway(DiallingError):
    """The message names the node."""
