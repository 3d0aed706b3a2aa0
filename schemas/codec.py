"""JSON in and out for every model: strict and explanatory at the edges, fast inside."""

from typing import Any, TypeVar

import msgspec
from pydantic import TypeAdapter, ValidationError

T = TypeVar("T")
_adapters: dict[type[Any], TypeAdapter[Any]] = {}
_decoders: dict[type[Any], msgspec.json.Decoder[Any]] = {}


# What a msgspec decoder raises on bytes: also on what nests too deeply, in a field nobody knows.
UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class InvalidRecord(ValueError):
    """Bytes that do not fit their model. `field` names the first field at fault."""

    def __init__(self, field: str | None, reason: str) -> None:
        super().__init__(f"{field}: {reason}" if field else reason)
        self.field = field
        self.reason = reason


def sendable(text: str, limit: int = 1024) -> str:
    """Text of any origin as a record can carry it: cut, and `?` for what UTF-8 has no bytes for."""
    return text[:limit].encode("utf-8", "replace").decode()


def decode(model: type[T], data: bytes) -> T:
    """Decode a record some Rollcall stage wrote: types checked, patterns and lengths not.

    Three times faster than `validate`. Raises InvalidRecord.
    """
    decoder = _decoders.get(model)
    if decoder is None:
        decoder = _decoders[model] = msgspec.json.Decoder(model)
    record: T = decode_with(decoder, data)
    return record


def decode_with(decoder: Any, data: bytes) -> Any:
    """Decode with a msgspec decoder. Raises InvalidRecord."""
    try:
        return decoder.decode(data)
    except UNREADABLE as error:
        raise unreadable(error) from error


def unreadable(error: Exception) -> InvalidRecord:
    """The InvalidRecord that a msgspec decoder's error stands for."""
    reason, _, path = str(error).partition(" - at `$.")
    return InvalidRecord(path.rstrip("`") or None, reason)


def validate(model: type[T], data: bytes) -> T:
    """Decode and check every constraint of the contract. Raises InvalidRecord."""
    adapter = _adapters.get(model)
    if adapter is None:
        adapter = _adapters[model] = TypeAdapter(model)
    try:
        record: T = adapter.validate_json(data)
        return record
    except ValidationError as error:
        raise _invalid(error) from error


def build(model: type[T], **fields: Any) -> T:
    """Make a record from outside input, every constraint checked. Raises InvalidRecord."""
    try:
        return model(**fields)
    except ValidationError as error:
        raise _invalid(error) from error


def _invalid(error: ValidationError) -> InvalidRecord:
    first = error.errors(include_url=False)[0]
    return InvalidRecord(".".join(str(part) for part in first["loc"]) or None, first["msg"])


encode = msgspec.json.Encoder().encode
