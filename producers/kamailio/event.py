"""Parses a line of evapi as the script wrote it: a JSON object whose `ev` names the event. Pure."""

import json
import re
from datetime import UTC, datetime
from typing import Any

from producers.event_fields import first_of_each
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent
from schemas.codec import InvalidRecord

# How Kamailio writes a pseudo-variable without a value.
_NULL = "<null>"
# The same without the quotes that the script should write. A quote in a text is escaped.
_BARE_NULL = re.compile(r'(?<!\\)":\s*<null>')
_is_name = re.compile(r"[a-z][a-z:\-]{0,63}").fullmatch
_is_time = re.compile(r"[0-9]{1,10}(?:\.[0-9]{1,9})?").fullmatch


def parse(line: bytes) -> ServerEvent:
    """Bytes that are not UTF-8 become lone surrogates (EventFields). Raises Unreadable."""
    text = line.decode("utf-8", "surrogateescape")
    try:
        message = _decode(text)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not JSON: {error}"[:200]) from error
    if not isinstance(message, dict):
        raise Unreadable("not a JSON object")
    name = message.pop("ev", None)
    if not isinstance(name, str) or not _is_name(name):
        raise Unreadable("no event name")
    return ServerEvent(name, {key: value for key, value in message.items() if value != _NULL})


def time_of(event: ServerEvent, received: datetime, name: str = "t") -> datetime:
    """When it happened by the server's clock (`t`, $TV(Sn)); else when it was received.

    Raises InvalidRecord.
    """
    text = event.raw(name)
    if text is None:
        return received
    if not _is_time(text):
        raise InvalidRecord(name, "not a time in seconds")
    return datetime.fromtimestamp(float(text), UTC)


def _decode(text: str) -> Any:
    try:
        return _load(text)
    except json.JSONDecodeError:
        if not _BARE_NULL.search(text):
            raise
        return _load(_BARE_NULL.sub('":null', text))


def _load(text: str) -> Any:
    # Fractions stay text, so that times in microseconds are not rounded.
    return json.loads(text, object_pairs_hook=first_of_each, parse_float=str, strict=False)
