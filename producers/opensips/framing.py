"""Cuts event_stream and event_jsonrpc into messages: JSON objects back to back. Pure.

A slow reader makes OpenSIPS drop what is old, in the middle of an object: then the next object
begins inside the broken one. Its beginning cannot occur inside a string (quotes are escaped there),
so that is where reading resumes.
"""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass

from producers.opensips.event import DECODER, from_message
from producers.opensips.unfinished import Unfinished
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent

_CUT, _ENDLESS = "an object cut off in the middle", "an object without end"
# Text that was read is dropped in pieces of this size: the decoder's errors count the lines before
# them.
_DROP = 16 * 1024


@dataclass(frozen=True, slots=True)
class Broken:
    """Bytes between complete objects, and what is wrong with the first of them."""

    data: bytes
    reason: str


class Framing:
    """One connection: `feed` takes each read in order; `end` returns an object cut off by the end.

    Holds at most `message_max_bytes` of one object, and the data of one read.
    """

    def __init__(self, message_max_bytes: int) -> None:
        self._max = message_max_bytes
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
        self._unfinished: Unfinished | None = None

    def feed(self, data: bytes) -> Iterator[ServerEvent | Broken]:
        """The events that `data` completes; all broken bytes between two events are one."""
        broken: list[str] = []
        reason = ""
        for found in self._cut(self._decoder.decode(data)):
            if isinstance(found, ServerEvent):
                if broken:
                    yield Broken(_bytes("".join(broken)), reason)
                    broken = []
                yield found
            else:
                reason = reason if broken else found[1]
                broken.append(found[0])
        if broken:
            yield Broken(_bytes("".join(broken)), reason)

    def end(self) -> Broken | None:
        """The object that the end of the connection cut off."""
        unfinished, self._unfinished = self._unfinished, None
        if unfinished is None:
            return None
        return Broken(_bytes(unfinished.text.rstrip()), "cut off by the end of the connection")

    def _cut(self, text: str) -> Iterator[ServerEvent | tuple[str, str]]:
        """Events, and pieces that are no event, with the reason."""
        position = 0
        if self._unfinished is not None:
            begun = self._resume(self._unfinished, text)
            if begun is None:
                return
            text, position, found = begun
            yield found
        while True:
            while position < len(text) and text[position] in " \t\r\n":
                position += 1
            if position >= len(text):
                return
            if position > _DROP:
                text, position = text[position:], 0
            step = self._step(text, position)
            if step is None:
                return
            position, found = step
            yield found

    def _step(self, text: str, begin: int) -> tuple[int, ServerEvent | tuple[str, str]] | None:
        """The end of what begins at `begin`, and what it is; None: more must be read first."""
        if text[begin] != "{":
            following = text.find("{", begin)
            end = following if following >= 0 else len(text)
            return end, (text[begin:end], "not a JSON object")
        try:
            message, end = DECODER.raw_decode(text, begin)
        except (ValueError, RecursionError):
            unfinished = Unfinished()
            cut = unfinished.scan(text, begin)
            if cut is not None:
                end = begin + cut.end
                return end, (text[begin:end], _CUT if cut.another else "not JSON")
            unfinished.keep(text[begin:])
            if unfinished.size > self._max:
                return len(text), (text[begin:], _ENDLESS)
            self._unfinished = unfinished
            return None
        return end, _event(message, text[begin:end])

    def _resume(
        self, unfinished: Unfinished, piece: str
    ) -> tuple[str, int, ServerEvent | tuple[str, str]] | None:
        """All the text, where the object ends in it, and what it is; None: more must be read."""
        cut = unfinished.scan(piece)
        unfinished.keep(piece)
        if cut is None and unfinished.size <= self._max:
            return None
        self._unfinished = None
        text = unfinished.text
        if cut is None:
            return text, len(text), (text, _ENDLESS)
        whole = text[: cut.end]
        return text, cut.end, (whole, _CUT) if cut.another else _decode(whole)


def _decode(text: str) -> ServerEvent | tuple[str, str]:
    try:
        message, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return text, "not JSON"
    return _event(message, text[:end])


def _event(message: object, text: str) -> ServerEvent | tuple[str, str]:
    try:
        return from_message(message)
    except Unreadable as error:
        return text, str(error)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")
