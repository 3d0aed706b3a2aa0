"""A SIP message as bytes → its first line, its headers in order, its body (RFC 3261 §7). Pure.

For tests: what scripts and servers hand to Rollcall's readers is one header's value, unfolded.
"""

import re
from typing import NamedTuple

# RFC 3261 §7.3.3, §20.
_COMPACT = {"m": "contact", "t": "to", "f": "from", "i": "call-id", "l": "content-length"}


class Message(NamedTuple):
    """`headers` are (name in lower case and long form, value without folds)."""

    first_line: str
    headers: list[tuple[str, str]]
    body: bytes

    def all(self, name: str) -> list[str]:
        """The values of each header of that name, in order."""
        return [value for own, value in self.headers if own == name]

    def first(self, name: str) -> str | None:
        return next(iter(self.all(name)), None)

    @property
    def contacts(self) -> str:
        """All Contact headers as one (RFC 3261 §7.3.1)."""
        return ", ".join(self.all("contact"))


def parse(data: bytes) -> Message:
    """Bytes that are no UTF-8 come out as lone surrogates, as the producers read them."""
    head, _, body = data.partition(b"\r\n\r\n")
    text = re.sub(r"[ \t]*\r\n[ \t]+", " ", head.decode("utf-8", "surrogateescape"))
    first_line, *lines = text.split("\r\n")
    headers = []
    for line in lines:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        headers.append((_COMPACT.get(name, name), value.strip()))
    return Message(first_line, headers, body)
