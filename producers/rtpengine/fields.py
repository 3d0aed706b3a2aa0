"""Typed reading of decoded JSON, with the name of the field that has another type. Pure.

Absent and null are the same: rtpengine leaves out what it does not know.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from schemas.codec import InvalidRecord

_INTEGER_MAX = 2**63 - 1
_DECIMAL = re.compile(r"[0-9]{1,20}")


class Fields:
    """One JSON object and its path. Every reader raises InvalidRecord with the field's path."""

    def __init__(self, value: Any, path: str = "") -> None:
        if not isinstance(value, dict):
            raise InvalidRecord(path or None, "should be an object")
        self._value: dict[str, Any] = value
        self._path = path

    def object(self, name: str) -> "Fields":
        """A nested object; an absent one is empty."""
        found = self._value.get(name)
        return Fields({} if found is None else found, self.where(name))

    def objects(self, name: str) -> Iterator["Fields"]:
        for place, item in enumerate(self.items(name)):
            yield Fields(item, f"{self.where(name)}.{place}")

    def names(self) -> list[str]:
        """The names of its members."""
        return list(self._value)

    def values(self) -> Iterator["Fields"]:
        """Its members, each an object."""
        for name, item in self._value.items():
            yield Fields(item, self.where(name))

    def items(self, name: str) -> list[Any]:
        found = self._value.get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise InvalidRecord(self.where(name), "should be a list")
        return found

    def text(self, name: str) -> str | None:
        found = self._value.get(name)
        if found is not None and not isinstance(found, str):
            raise InvalidRecord(self.where(name), "should be a text")
        return found

    def integer(self, name: str) -> int | None:
        """A whole number of 64 bits, or a text that is one, as `uptime` is."""
        found = self._value.get(name)
        if isinstance(found, str) and _DECIMAL.fullmatch(found):
            found = int(found)
        if found is None:
            return None
        if not isinstance(found, int) or isinstance(found, bool):
            raise InvalidRecord(self.where(name), "should be a whole number")
        if abs(found) > _INTEGER_MAX:
            raise InvalidRecord(self.where(name), "should be a number of 64 bits")
        return found

    def time(self, name: str, microseconds: int = 0) -> datetime | None:
        """A time in seconds since 1970."""
        seconds = self.integer(name)
        if seconds is None:
            return None
        try:
            found = datetime.fromtimestamp(seconds, UTC)
            return found.replace(microsecond=microseconds)
        except (ValueError, OverflowError, OSError) as error:
            raise InvalidRecord(self.where(name), "should be a time") from error

    def where(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name
