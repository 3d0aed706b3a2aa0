"""Where a list goes on: the last user of a page, in a text that clients pass on unread (pure).

It names a user whom its holder has seen, and nothing else: so it is valid at any gateway, whatever
has changed since.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated

from pydantic import AfterValidator

from sinks.gateway.errors import BadQuery
from sinks.gateway.query import aor_in

_VERSION = b"\x01"
_LENGTH_MAX = 1024


def cursor_after(aor: str) -> str:
    """The cursor for what comes after this user."""
    return urlsafe_b64encode(_VERSION + aor.encode()).decode().rstrip("=")


def user_in(cursor: str) -> str:
    """The user in a cursor. Raises ValueError: it is none of this gateway's."""
    try:
        if len(cursor) > _LENGTH_MAX:
            raise ValueError
        data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        aor = data[1:].decode()
        if data[:1] == _VERSION and aor_in(aor) == aor and cursor_after(aor) == cursor:
            return aor
    except (ValueError, BadQuery):
        pass
    raise ValueError("not a cursor that a page's `next` had")


Cursor = Annotated[str, AfterValidator(user_in)]
