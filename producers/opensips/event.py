"""One event of the server as it came: JSON-RPC notification (3.x, event_jsonrpc) or 2.4 lines."""

import json
import re
from dataclasses import dataclass
from typing import Any

from producers.opensips import lines
from producers.opensips.errors import Unreadable
from schemas.codec import InvalidRecord

TEXT_MAX, WORD_MAX = 1024, 255
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_is_digits = re.compile(r"[0-9]{1,18}").fullmatch
_is_name = re.compile(r"E_[A-Z0-9_]{1,62}").fullmatch


@dataclass(frozen=True, slots=True)
class ServerEvent:
    """Name and parameters. `request` is the id to acknowledge in event_stream's reliable mode."""

    name: str
    parameters: dict[str, Any]
    request: int | None = None

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

    def text(self, name: str, limit: int = TEXT_MAX) -> str | None:
        """What only describes: cut at `limit`; bytes that are no UTF-8 become U+FFFD."""
        value = self.raw(name)
        return _SURROGATES.sub("\ufffd", value[:limit]) if value is not None else None

    def as_sent(self, name: str, limit: int = TEXT_MAX) -> str | None:
        """Not cut; bytes that are no UTF-8 stay lone surrogates, for a reader of its parts.

        Raises InvalidRecord.
        """
        value = self.raw(name)
        if value is not None and len(value) > limit:
            raise InvalidRecord(name, f"longer than {limit} characters")
        return value

    def word(self, name: str, limit: int = TEXT_MAX) -> str | None:
        """What identifies: neither cut nor repaired. Raises InvalidRecord."""
        value = self.as_sent(name, limit)
        if value is not None and _SURROGATES.search(value):
            raise InvalidRecord(name, "not UTF-8")
        return value

    def required_contact(self, name: str, limit: int) -> str:
        """Contacts that must be there, with their display names, which may be of any encoding.

        `schemas.sip_uri` refuses a URI that is no UTF-8. Raises InvalidRecord.
        """
        value = self.as_sent(name, limit)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value

    def required(self, name: str, limit: int = TEXT_MAX) -> str:
        """An identifying parameter that must be there. Raises InvalidRecord."""
        value = self.word(name, limit)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value

    def number(self, name: str) -> int | None:
        """A whole number of up to 18 digits, not negative. Raises InvalidRecord."""
        value = self.raw(name)
        if value is None:
            return None
        if not _is_digits(value):
            raise InvalidRecord(name, "not a number")
        return int(value)

    def required_number(self, name: str) -> int:
        value = self.number(name)
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
        message = json.loads(text, object_pairs_hook=_first_of_each, strict=False)
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


def _first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Of a key given twice the first counts."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        result.setdefault(key, value)
    return result


DECODER = json.JSONDecoder(object_pairs_hook=_first_of_each, strict=False)
