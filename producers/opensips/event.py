"""Parses one event: a JSON-RPC notification (3.x, event_jsonrpc) or 2.4's lines. Pure."""

import json
import re
from typing import Any

from producers.event_fields import first_of_each
from producers.opensips import lines
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent

_is_name = re.compile(r"E_[A-Z0-9_]{1,62}").fullmatch


def parse(data: bytes) -> ServerEvent:
    """Read one message, whichever of the three forms it has. Raises Unreadable.

    Bytes that are not UTF-8 become lone surrogates (EventFields).
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
