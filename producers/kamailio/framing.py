"""Cuts what evapi sends into lines (netstring_format=0): one JSON object each. Pure."""

from dataclasses import dataclass
from typing import NamedTuple


class TooLong(NamedTuple):
    """The beginning of a line beyond the bound; its rest is skipped."""

    data: bytes


@dataclass(slots=True)
class Lines:
    """Of one connection. A line's end is its only mark, so after a loss the next one is awaited."""

    max_bytes: int
    _rest: bytes = b""
    _skipping: bool = False

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """The lines that `data` completes; empty ones are left out."""
        *whole, self._rest = (self._rest + data).split(b"\n")
        found: list[bytes | TooLong] = []
        for line in whole:
            if self._skipping:
                self._skipping = False
            elif len(line) > self.max_bytes:
                found.append(TooLong(line[: self.max_bytes]))
            elif line.strip():
                found.append(line)
        if len(self._rest) > self.max_bytes:
            if not self._skipping:
                found.append(TooLong(self._rest[: self.max_bytes]))
            self._rest, self._skipping = b"", True
        return found

    def lost(self) -> None:
        """Bytes are missing here: what follows up to the next line's end is no whole line."""
        self._rest, self._skipping = b"", True
