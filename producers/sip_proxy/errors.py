"""What can go wrong with a server or what it sends, named for the reaction each asks for.

MiError             no snapshot now; tried again
├─ MiUnreachable    nobody answers in time: no sign of life either
├─ MiRefused        the server answers, but with an error
│  └─ MiUnknown     it has no such command: its module is not loaded; not asked again
└─ ListingUnreadable  the answer is no complete listing: conclude nothing from it
Unreadable          bytes that are no event: dead letter
"""

import re

_is_unknown = re.compile(
    r"method not found|command not found|command '[^']*' not available", re.IGNORECASE
).search


class MiError(Exception):
    """The management interface gave no listing."""

    reason = "mi-error"


class MiUnreachable(MiError):
    """Nobody answered in time; the message names the address."""

    reason = "mi-unreachable"


class MiRefused(MiError):
    """The server's own error answer."""

    reason = "mi-refused"


class MiUnknown(MiRefused):
    """The server has no such command."""

    reason = "mi-unknown"


def refusal(text: str) -> MiRefused:
    """The error that an error answer means; `text` names the command and quotes the answer.

    JSON-RPC's -32601, 2.4's mi_json and mi_fifo, and Kamailio's jsonrpcs each have words of their
    own for a command that is not there.
    """
    return MiUnknown(text) if _is_unknown(text) else MiRefused(text)


class ListingUnreadable(MiError):
    """An answer of another form, or cut off."""

    reason = "mi-unreadable"


class Unreadable(ValueError):
    """Bytes that are no event of OpenSIPS; the message says why."""
