"""Records without the parts that a client may not see (pure).

What is shown is listed, not what is hidden: a field that a later version adds to the record stays
hidden until it is listed here.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Any

import msgspec

from sinks.gateway.message import Message, reframed


class Part(StrEnum):
    """The sensitive parts of a record. Each is shown only where a scope grants it."""

    CONTACT = "contact"
    ADDRESS = "address"
    USER_AGENT = "user_agent"
    PEER = "peer"


ALL_PARTS = frozenset(Part)
Fields = dict[str, Part | None]

# Every field of schemas.presence, and the part it belongs to; None: it is always shown. A contact
# has its form and its path beside it; a SIP Call-ID often ends with the address of its client.
RECORD_FIELDS: Fields = dict.fromkeys(
    ("aor", "version", "status", "reachable", "cause", "at", "bindings", "calls", "evidence")
)
BINDING_FIELDS: Fields = {
    **dict.fromkeys(("node", "transport", "edge", "registrar", "suspect", "stale", "since")),
    "contact": Part.CONTACT,
    "contact_form": Part.CONTACT,
    "path": Part.CONTACT,
    "remote": Part.ADDRESS,
    "user_agent": Part.USER_AGENT,
}
CALL_FIELDS: Fields = {
    **dict.fromkeys(("node", "leg", "call", "direction", "state", "media_lost", "since")),
    "peer": Part.PEER,
    "sip_call_id": Part.ADDRESS,
}

# So many redacted messages are kept: a change is sent to all its subscribers within milliseconds,
# and each of them would else redact it again.
_KEPT = 16_384
_decode = msgspec.json.Decoder().decode
_encode = msgspec.json.Encoder().encode


def redacted_record(record: dict[str, Any], granted: frozenset[Part]) -> dict[str, Any]:
    """A copy of a presence record (as JSON) with the fields that are always shown or granted."""
    if granted == ALL_PARTS:
        return record
    shown = _only(record, RECORD_FIELDS, granted)
    for name, fields in (("bindings", BINDING_FIELDS), ("calls", CALL_FIELDS)):
        if name in shown:
            shown[name] = [_only(one, fields, granted) for one in shown[name]]
    return shown


@lru_cache(_KEPT)
def redacted_message(message: Message, granted: frozenset[Part]) -> Message:
    """The same for a message. Messages are compared by identity: a user's next one is another."""
    if granted == ALL_PARTS or not message.version:
        return message
    return reframed(message, _encode(redacted_record(_decode(message.value), granted)))


def _only(value: dict[str, Any], fields: Fields, granted: frozenset[Part]) -> dict[str, Any]:
    return {
        name: one
        for name, one in value.items()
        if name in fields and ((part := fields[name]) is None or part in granted)
    }
