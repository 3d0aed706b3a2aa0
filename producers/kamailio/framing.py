"""Cuts what evapi sends into lines (netstring_format=0): one JSON object each. Pure."""

from dataclasses import dataclass, field
from typing import NamedTuple


class TooLong(NamedTuple):
    """The beginning of a line beyond the bound; its rest is skipped."""

    data: bytes


@dataclass(slots=True)
class Lines:
    """The lines of one connection. After a loss, reading resumes at the next line."""

    max_bytes: int
    _rest: bytearray = field(default_factory=bytearray)
    _skipping: bool = False

    def feed(self, data: bytes) -> list[bytes | TooLong]:
        """The lines that `data` completes; empty ones are left out."""
        first, end, others = data.partition(b"\n")
        self._rest += first
        found: list[bytes | TooLong] = []
        if end:
            *whole, last = others.split(b"\n")
            for line in (bytes(self._rest), *whole):
                self._line(line, found)
            self._rest = bytearray(last)
        if len(self._rest) > self.max_bytes:
            if not self._skipping:
                found.append(TooLong(bytes(self._rest[: self.max_bytes])))
            self._rest, self._skipping = bytearray(), True
        return found

    def lost(self) -> None:
        """Bytes are missing here: what follows up to the end of the line is skipped."""
        self._rest, self._skipping = bytearray(), True

    def _line(self, line: bytes, found: list[bytes | TooLong]) -> None:
        if self._skipping:
            self._skipping = False
        elif len(line) > self.max_bytes:
            found.append(TooLong(line[: self.max_bytes]))
        elif line.strip():
            found.append(line)
