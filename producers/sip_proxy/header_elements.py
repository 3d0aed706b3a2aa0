"""Splits a header's text into elements: commas and semicolons in quotes and brackets do not count.

Pure. RFC 3261 §25.1: quoted-string with quoted pairs, addr-spec in `<>`.
"""

import re
from collections.abc import Iterator

# One token of the text: a quoted string, an address in brackets, a separator, or other text.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|[,;]|[^",;<>]+', re.DOTALL)


def elements(text: str, separator: str) -> Iterator[tuple[int, int]]:
    """Begin and end of each element; `separator` is `,` or `;`.

    An element with a quote or bracket that is not closed reaches to the end of the text.
    """
    begin = position = 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            break
        if token[0] == separator:
            yield begin, token.start()
            begin = token.end()
        position = token.end()
    yield begin, len(text)


def is_closed(text: str) -> bool:
    """Whether every quote and bracket is closed."""
    position = 0
    while position < len(text) and (token := _TOKEN.match(text, position)):
        position = token.end()
    return position == len(text)
