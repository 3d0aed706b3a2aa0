"""One event of the server as it came: JSON-RPC notification (3.x, event_jsonrpc) or 2.4 lines."""

import json
import re
from dataclasses import dataclass
from typing import Any, ClassVar

from producers.event_fields import TEXT_MAX, EventFields, first_of_each
from producers.opensips import lines
from producers.opensips.errors import Unreadable
from schemas.codec import InvalidRecord

_is_name = re.compile(r"E_[A-Z0-9_]{1,62}").fullmatch


@dataclass(frozen=True, slots=True)
class ServerEvent(EventFields):
    """Name and parameters. `request` is the id to acknowledge in event_stream's reliable mode."""

    name: str
    parameters: dict[str, Any]
    request: int | None = None
    identifier_max: ClassVar[int] = TEXT_MAX

    def raw(self, name: str) -> str | None:
        """A parameter as text; None where it is missing, null or empty.

        Raises InvalidRecord when it is neither text nor number.
        """
        value = self.parameters.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise InvalidRecord(name, "neither text nor number")
        return value if isinstance(value, str) else str(value)

    def required_contact(self, name: str, limit: int) -> str:
        """Contacts that must be there, with their display names, which may be of any encoding.

        `schemas.sip_uri` refuses a URI that is no UTF-8. Raises InvalidRecord.
        """
        value = self.as_sent(name, limit)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value


def parse(data: bytes) -> ServerEvent:
    """Read one message, whichever of the three forms it has. Raises Unreadable.

    Bytes that are no UTF-8 come out as lone surrogates: each accessor says what becomes of them.
    """
    text = data.decode("utf-8", "surrogateescape")
    if not text.lstrip().startswith("{"):
        name, parameters = lines.read(text)
        return ServerEvent(_name(name), parameters)
    try:
        message = json.loads(text, object_pairs_hook=first_of_each, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}"[:200]) from error
    return from_message(message)


def from_message(message: Any) -> ServerEvent:
    """A decoded JSON-RPC notification or request. Raises Unreadable."""
    if not isinstance(message, dict):
        raise Unreadable("not a JSON object")
    parameters = message.get("params", {})
    if not isinstance(parameters, dict):
        raise Unreadable("params is no object")
    request = message.get("id")
    is_request = isinstance(request, int) and not isinstance(request, bool)
    return ServerEvent(_name(message.get("method")), parameters, request if is_request else None)


def _name(name: object) -> str:
    if not isinstance(name, str) or not _is_name(name):
        raise Unreadable("no event name")
    return name


DECODER = json.JSONDecoder(object_pairs_hook=first_of_each, strict=False)
