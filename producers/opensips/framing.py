"""event_stream and event_jsonrpc: JSON objects back to back, cut into messages. One a connection.

A slow reader makes OpenSIPS drop what is old, in the middle of an object: then the next object
begins inside the broken one. Its beginning cannot occur inside a string (quotes are escaped there),
so that is where reading goes on.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

from producers.opensips.errors import Unreadable
from producers.opensips.event import DECODER, ServerEvent, from_message

_BEGIN = re.compile(r'\{"(?:id":(?:null|[0-9]{1,20}),")?jsonrpc":"2\.0","method":"')


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes between whole objects, and what is wrong with them."""

    data: bytes
    reason: str


class Framing:
    """Feed what is read, in order; `left` after the end is a cut object."""

    def __init__(self, message_max_bytes: int) -> None:
        self._max = message_max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._text = ""

    def feed(self, data: bytes) -> Iterator[ServerEvent | Broken]:
        """The events that `data` completes."""
        self._text += self._decoder.decode(data)
        position = 0
        while position < len(self._text):
            end, found = self._next(position)
            if found is None:
                break
            position = end
            yield from found
        self._text = self._text[position:]

    def end(self) -> Broken | None:
        """What the end of the connection cut off."""
        rest, self._text = self._text.strip(), ""
        return Broken(_bytes(rest), "cut off by the end of the connection") if rest else None

    def _next(self, position: int) -> tuple[int, list[ServerEvent | Broken] | None]:
        """Where the next message ends and what it is; None: more must be read first."""
        text = self._text
        begin = position
        while begin < len(text) and text[begin] in " \t\r\n":
            begin += 1
        if begin == len(text):
            return begin, []
        try:
            message, end = DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return self._resume(begin)
        try:
            return end, [from_message(message)]
        except Unreadable as error:
            return end, [Broken(_bytes(text[begin:end]), str(error))]

    def _resume(self, begin: int) -> tuple[int, list[ServerEvent | Broken] | None]:
        """The object at `begin` is not whole: not yet, or never if another begins inside it."""
        following = _BEGIN.search(self._text, begin + 1)
        if following:
            end = following.start()
            return end, [Broken(_bytes(self._text[begin:end]), "an object cut off in the middle")]
        if len(self._text) - begin > self._max:
            return len(self._text), [Broken(_bytes(self._text[begin:]), "an object without end")]
        return begin, None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
