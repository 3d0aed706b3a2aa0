"""Parses the body of POST /presence: a CloudEvents batch, each event checked. Pure."""

import msgspec

from schemas.codec import InvalidRecord, validate
from schemas.presence import Presence
from schemas.topics import FORGOTTEN_TYPE, PRESENCE


class NotABatch(ValueError):
    """The body is not a JSON array of objects."""


class TooManyEvents(ValueError):
    """More events than one request may hold."""


class BadEvent(ValueError):
    """One event of the batch is invalid: its index, and the field at fault."""

    def __init__(self, index: int, field: str | None, reason: str) -> None:
        super().__init__(f"event {index}: {field or 'event'}: {reason}")
        self.index = index
        self.field = field
        self.reason = reason


class _Event(msgspec.Struct):
    """The attributes that this service reads (CloudEvents JSON format 1.0, §3)."""

    specversion: str
    id: str
    type: str
    data: msgspec.Raw


_VERSION_MAX = 2**63 - 1
_YEARS = (1, 9999)  # both excluded: a time zone could move them out of datetime's range

_ARRAY = msgspec.json.Decoder(list[msgspec.Raw])
_EVENT = msgspec.json.Decoder(_Event)


class Forgotten(msgspec.Struct):
    """A user of whom nothing is to be kept."""

    aor: str


def changes(body: bytes, events_max: int) -> list[Presence | Forgotten]:
    """Every event's presence, ready to be stored, and users to delete.

    Raises NotABatch, TooManyEvents, BadEvent.
    """
    try:
        raws = _ARRAY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotABatch(str(error)) from error
    if len(raws) > events_max:
        raise TooManyEvents(f"{len(raws)} events, at most {events_max}")
    return [_change(index, bytes(raw)) for index, raw in enumerate(raws)]


def _change(index: int, raw: bytes) -> Presence | Forgotten:
    try:
        event = _EVENT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason, _, path = str(error).partition(" - at `$.")
        raise BadEvent(index, path.rstrip("`") or None, reason) from error
    if event.specversion != "1.0":
        raise BadEvent(index, "specversion", "not 1.0")
    if event.type == FORGOTTEN_TYPE:
        return _forgotten(index, event.data)
    if event.type != PRESENCE.type:
        raise BadEvent(index, "type", f"not {PRESENCE.type}")
    try:
        presence = validate(Presence, bytes(event.data))
    except InvalidRecord as error:
        field = f"data.{error.field}" if error.field else "data"
        raise BadEvent(index, field, error.reason) from error
    if fault := _unstorable(presence):
        raise BadEvent(index, *fault)
    return presence


def _forgotten(index: int, data: msgspec.Raw) -> Forgotten:
    try:
        return msgspec.json.decode(data, type=Forgotten)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadEvent(index, "data.aor", str(error)) from error


def _unstorable(presence: Presence) -> tuple[str, str] | None:
    """A field that the contract allows but a database does not, and the reason."""
    if "\0" in presence.aor:
        return "data.aor", "contains a NUL character"
    if presence.version > _VERSION_MAX:
        return "data.version", "exceeds 64 bits"
    if presence.at.tzinfo is None:
        return "data.at", "has no time zone"
    if not _YEARS[0] < presence.at.year < _YEARS[1]:
        return "data.at", "is out of range"
    return None
