"""Errors of a server and of what it sends, named for the reaction that each asks for.

MiError             no snapshot now; a later attempt follows
├─ MiUnreachable    no answer in time, so no sign of life
├─ MiRefused        the server answers with an error
│  └─ MiUnknown     it has no such command: its module is not loaded; not tried again
└─ ListingUnreadable  the answer is no complete listing: nothing is concluded from it
Unreadable          bytes that are no event: dead letter

"MI" is OpenSIPS' management interface, and stands here for Kamailio's RPC too.
"""

import re

_is_unknown = re.compile(
    r"method not found|command not found|command '[^']*' not available", re.IGNORECASE
).search


class MiError(Exception):
    """A command of the management interface failed."""

    reason = "mi-error"


class MiUnreachable(MiError):
    """No answer came in time; the message names the address."""

    reason = "mi-unreachable"


class MiRefused(MiError):
    """The server's own error answer."""

    reason = "mi-refused"


class MiUnknown(MiRefused):
    """The server has no such command."""

    reason = "mi-unknown"


def refusal(text: str) -> MiRefused:
    """The error of an error answer; `text` names the command and quotes the answer.

    JSON-RPC's -32601, 2.4's mi_json and mi_fifo, and Kamailio's jsonrpcs have different texts for
    an unknown command.
    """
    return MiUnknown(text) if _is_unknown(text) else MiRefused(text)


class ListingUnreadable(MiError):
    """An answer of another form, or one that is cut off."""

    reason = "mi-unreadable"


class Unreadable(ValueError):
    """Bytes that are no event of the server; the message names the reason."""
