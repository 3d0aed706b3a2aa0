"""Parses OpenSIPS 2.4's datagrams: `NAME\\nkey::value\\n…\\n\\n`. No value can become a field.

Pure. Written by event_datagram.c: a value with a newline, and only such a one, is in quotes, with
`"` as `\\"`; nothing else is escaped. Where a value begins with a quote of its own, its end is not
always certain: a datagram that can be read in two ways is refused.
"""

import re

from producers.sip_proxy.errors import Unreadable

_MAX_FIELDS = 256
# A newline inside a SIP header is followed by white space (RFC 3261 §7.3.1).
_UNFOLDED = re.compile(r"\n(?![ \t])").search


def read(text: str) -> tuple[str, dict[str, str]]:
    """Name and parameters. Raises Unreadable, also where two readings are possible."""
    name, newline, rest = text.partition("\n")
    if not newline or not rest.endswith("\n"):
        raise Unreadable("cut off")
    parameters: dict[str, str] = {}
    position = 0
    while position < len(rest) and rest[position] != "\n":
        key, value, position = _field(rest, position)
        if key in parameters:
            raise Unreadable(f"a parameter stands there twice: {key[:80]}")
        if len(parameters) >= _MAX_FIELDS:
            raise Unreadable("too many parameters")
        parameters[key] = value
    if rest[position:] != "\n":
        raise Unreadable("no empty line ends it, or more follows")
    return name, parameters


def _field(text: str, position: int) -> tuple[str, str, int]:
    """Key, value, and where the next field begins."""
    end = text.index("\n", position)
    key, separator, value = text[position:end].partition("::")
    if not separator or not key:
        raise Unreadable("a line is no key::value")
    if not value.startswith('"'):
        return key, value, end + 1
    begin = end - len(value) + 1  # after the quote
    if text[end + 1 : end + 2] in (" ", "\t"):
        # No key begins with white space: this is a folded header's value.
        return key, *_folded(text, begin)
    if _closing_quote(text, begin, end) is None:
        raise Unreadable(f"where a value ends is not certain: {key[:80]}")
    # In a quoted value quotes are escaped. This value is not quoted: it only begins with a quote.
    return key, value, end + 1


def _folded(text: str, begin: int) -> tuple[str, int]:
    """The value in quotes at `begin`, and where the next field begins."""
    close = _closing_quote(text, begin, len(text))
    if close is None or text[close + 1 : close + 2] != "\n":
        raise Unreadable("a quoted value does not end")
    value = text[begin:close]
    if _UNFOLDED(value):
        raise Unreadable("a quoted value holds more than a folded header")
    return value.replace('\\"', '"'), close + 2


def _closing_quote(text: str, position: int, end: int) -> int | None:
    while (found := text.find('"', position, end)) >= 0:
        if text[found - 1] != "\\":
            return found
        position = found + 1
    return None
