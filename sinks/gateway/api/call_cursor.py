"""Where a list of calls goes on: the last call of a page, in a text that clients pass on unread
(pure). It is valid at any gateway, also when that call is not there any more."""

import math
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any

from pydantic import BeforeValidator

from sinks.gateway.calls.known import Position

_VERSION = "1"
_LENGTH_MAX = 1024


def cursor_after(position: Position) -> str:
    """The cursor for what comes after this call."""
    started, id_ = position
    return urlsafe_b64encode(f"{_VERSION} {started!r} {id_}".encode()).decode().rstrip("=")


def position_in(cursor: Any) -> Any:
    """The position in a cursor. Raises ValueError: it is none of this gateway's."""
    if not isinstance(cursor, str):
        return cursor
    try:
        if len(cursor) > _LENGTH_MAX:
            raise ValueError
        data = urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        version, started, id_ = data.split(" ", 2)
        position = float(started), id_
        if version == _VERSION and math.isfinite(position[0]) and cursor_after(position) == cursor:
            return position
    except ValueError:
        pass
    raise ValueError("not a cursor that a page's `next` had")


# In the OpenAPI document it is the text that it is given as.
CallCursor = Annotated[tuple[float, str], BeforeValidator(position_in, json_schema_input_type=str)]
