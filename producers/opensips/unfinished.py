"""Finds the end of an object that comes in several reads: each byte is scanned once. Pure.

Decoding the whole text again at each read would take a time that grows with the square of its size.
"""

import re
from typing import NamedTuple

# The beginning of an event as OpenSIPS writes it. Inside a string its quotes would be escaped.
_BEGIN = re.compile(r'\{"(?:id":(?:null|[0-9]{1,20}),")?jsonrpc":"2\.0","method":"')
_BEGIN_MAX = 64
_OUTSIDE = re.compile(r'["{}]')
_ESCAPED = ('"', "\\")  # after a backslash; no other character would end a string or begin one
_INSIDE = re.compile(r'["\\{]')


class Cut(NamedTuple):
    """Where the object ends, from its beginning; `another`: because the next one begins there."""

    end: int
    another: bool


class Unfinished:
    """Takes the pieces of a text that begins with `{`, until one gives the end of the object."""

    def __init__(self) -> None:
        self._pieces: list[str] = []
        self._tail = ""
        self._depth = 0
        self._in_string = self._escaped = False
        self.size = 0

    @property
    def text(self) -> str:
        """All pieces so far."""
        return "".join(self._pieces)

    def scan(self, text: str, begin: int = 0) -> Cut | None:
        """Scan the next piece, `text` from `begin` on: the object ends where its braces balance.

        A piece without an end is added by `keep` before the next.
        """
        before = self.size - begin
        if self._tail:
            cut = _BEGIN.search(self._tail + text[:_BEGIN_MAX], int(self.size == len(self._tail)))
            if cut and cut.start() < len(self._tail):
                return Cut(self.size - len(self._tail) + cut.start(), another=True)
        position = begin
        if self._escaped and position < len(text):
            position, self._escaped = position + (text[position] in _ESCAPED), False
        while found := (_INSIDE if self._in_string else _OUTSIDE).search(text, position):
            at, position = found.start(), found.end()
            character = text[at]
            if character == "{" and before + at > 0 and _BEGIN.match(text, at):
                return Cut(before + at, another=True)
            if character == '"':
                self._in_string = not self._in_string
            elif character == "\\":
                self._escaped = position == len(text)
                position += text[position : position + 1] in _ESCAPED
            elif not self._in_string:
                self._depth += 1 if character == "{" else -1
                if self._depth == 0:
                    return Cut(before + position, another=False)
        return None

    def keep(self, piece: str) -> None:
        """Add a piece that was scanned."""
        self._pieces.append(piece)
        self.size += len(piece)
        self._tail = (self._tail + piece)[-_BEGIN_MAX:]
