"""What can go wrong with a server or what it sends, named for the reaction each asks for.

MiError             no snapshot now; tried again
├─ MiUnreachable    nobody answers in time: no sign of life either
├─ MiRefused        the server answers, but with an error
└─ ListingUnreadable  the answer is no complete listing: conclude nothing from it
Unreadable          bytes that are no event: dead letter
"""


class MiError(Exception):
    """The management interface gave no listing."""

    reason = "mi-error"


class MiUnreachable(MiError):
    """Nobody answered in time; the message names the address."""

    reason = "mi-unreachable"


class MiRefused(MiError):
    """The server's own error answer."""

    reason = "mi-refused"


class ListingUnreadable(MiError):
    """An answer of another form, or cut off."""

    reason = "mi-unreadable"


class Unreadable(ValueError):
    """Bytes that are no event of OpenSIPS; the message says why."""
