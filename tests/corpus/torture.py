"""The torture messages of RFC 4475, from the RFC's own notation to the bytes that are sent.

Files of `rfc4475/`, one a message, named as the RFC names it (§3). §2 describes the notation:
`<allOneLine>` joins lines, `<hex>` holds bytes, `<repeat count=N>` repeats. Of `mpart01` the
second body part is shortened; all else is the RFC's.
"""

import re
from pathlib import Path

_FOLDER = Path(__file__).parent / "rfc4475"
_ONE_LINE = re.compile(r"<allOneLine>\n(.*?)\n</allOneLine>", re.DOTALL)
_REPEAT = re.compile(r"<repeat count=([0-9]+)>(.*?)</repeat>")
_HEX = re.compile(rb"<hex>([0-9A-F]*)</hex>")


def names() -> list[str]:
    """Of all messages, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.txt"))


def message(name: str) -> bytes:
    """As it is sent: lines end with CRLF. KeyError where there is no such message."""
    if name not in names():
        raise KeyError(name)
    return expand((_FOLDER / f"{name}.txt").read_text("ascii"))


def expand(notation: str) -> bytes:
    """The bytes that a text in the notation of RFC 4475 §2 stands for."""
    text = _ONE_LINE.sub(lambda match: match[1].replace("\n", ""), notation)
    text = _REPEAT.sub(lambda match: match[2] * int(match[1]), text)
    data = text.encode().replace(b"\n", b"\r\n")
    return _HEX.sub(lambda match: bytes.fromhex(match[1].decode()), data)
