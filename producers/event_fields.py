"""The named values of one server event, read as what they should be. Pure.

Any SIP client may have chosen a value: readers bound its length, and what becomes of bytes that are
not UTF-8 (lone surrogates, as `surrogateescape` leaves them) depends on what the value is for.
"""

import re
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from schemas.codec import InvalidRecord

TEXT_MAX, IDENTIFIER_MAX = 1024, 255
_SURROGATES = re.compile(r"[\ud800-\udfff]")
_is_digits = re.compile(r"[0-9]{1,18}").fullmatch


class EventFields(ABC):
    """Base of a server's event. Every reader raises InvalidRecord with the name of the field."""

    __slots__ = ()
    # The longest identifier, where a call names no other limit.
    identifier_max: ClassVar[int] = IDENTIFIER_MAX

    @abstractmethod
    def raw(self, name: str) -> str | None:
        """A value as it was sent; None where it is missing or empty."""

    def text(self, name: str, limit: int = TEXT_MAX) -> str | None:
        """A value that only describes: cut at `limit`; bytes that are not UTF-8 become U+FFFD.

        A client chooses it, and must not hide an event by its length.
        """
        value = self.raw(name)
        return replace_surrogates(value[:limit]) if value is not None else None

    def as_sent(self, name: str, limit: int = TEXT_MAX) -> str | None:
        """A value that is read further: neither cut nor repaired, refused beyond `limit`."""
        value = self.raw(name)
        if value is not None and len(value) > limit:
            raise InvalidRecord(name, f"longer than {limit} characters")
        return value

    def identifier(self, name: str, limit: int | None = None) -> str | None:
        """A value that identifies: neither cut nor repaired, refused where it is not UTF-8."""
        value = self.as_sent(name, limit or self.identifier_max)
        if value is not None and has_surrogates(value):
            raise InvalidRecord(name, "not UTF-8")
        return value

    def required(self, name: str, limit: int | None = None) -> str:
        """An identifier that must be there."""
        value = self.identifier(name, limit)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value

    def number(self, name: str) -> int | None:
        """A whole number of up to 18 digits, not negative."""
        value = self.raw(name)
        if value is None:
            return None
        if not _is_digits(value):
            raise InvalidRecord(name, "not a number")
        return int(value)

    def required_number(self, name: str) -> int:
        """A number that must be there."""
        value = self.number(name)
        if value is None:
            raise InvalidRecord(name, "missing")
        return value


def has_surrogates(text: str) -> bool:
    """Whether a text holds bytes that were not UTF-8."""
    return _SURROGATES.search(text) is not None


def replace_surrogates(text: str) -> str:
    """A text in which each byte that was not UTF-8 is U+FFFD."""
    return _SURROGATES.sub("\ufffd", text)


def first_of_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object of which the first value of a repeated name counts (`object_pairs_hook`)."""
    result = dict(pairs)
    if len(result) != len(pairs):  # rare, so the slow way only then
        result = {}
        for name, value in pairs:
            result.setdefault(name, value)
    return result
