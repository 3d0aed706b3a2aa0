"""First step of an event: bytes of the event socket to frames, by Content-Length alone.

Pure. Nothing is unquoted and no body is parsed, so no byte that a caller chose can end a frame
or add a header (mod_event_socket.c writes headers, an empty line, then Content-Length bytes).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from producers.freeswitch.errors import StreamBroken

HEADER_MAX_BYTES = 64 * 1024
# How much of a skipped frame a dead letter keeps.
KEPT_BYTES = 64 * 1024
_END = b"\n\n"
_is_length = re.compile(rb"[0-9]{1,12}").fullmatch


@dataclass(frozen=True, slots=True)
class Frame:
    """One message of the switch; header names as sent, of a repeated one the first."""

    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Skipped:
    """A frame too large to hold: its headers as far as read, its first bytes, its size, and why."""

    headers: dict[str, str]
    start: bytes
    size: int
    reason: str


@dataclass(slots=True)
class Framing:
    """Cuts a stream into frames; one a connection. Holds at most one frame of `max_bytes`.

    An answer to a command (`api/response`) may have `answer_max_bytes`: a listing is as long as
    what it lists.
    """

    max_bytes: int
    answer_max_bytes: int = 0
    _buffer: bytearray = field(default_factory=bytearray)
    _headers: dict[str, str] | None = None
    _length: int = 0
    # A frame being skipped: what is kept of it, its size so far, bytes of the body still to come
    # (None: the end of its header is still to come).
    _kept: bytearray | None = None
    _skipped: dict[str, str] = field(default_factory=dict)
    _size: int = 0
    _to_skip: int | None = None
    _reason: str = ""
    _searched: int = 0

    def feed(self, data: bytes) -> Iterator[Frame | Skipped]:
        """Frames completed by `data`, in order. Raises StreamBroken when a length is unreadable."""
        self._buffer += data
        while (found := self._next()) is not None:
            yield found

    def _next(self) -> Frame | Skipped | None:
        if self._kept is not None:
            return self._skip()
        if self._headers is None and not self._read_header():
            return self._skip() if self._kept is not None else None
        headers = self._headers
        if headers is None or len(self._buffer) < self._length:
            return None
        body = bytes(self._buffer[: self._length])
        del self._buffer[: self._length]
        self._headers = None
        return Frame(headers, body)

    def _read_header(self) -> bool:
        """Whether a header is complete and its body to be read; else waits or begins to skip."""
        end = self._buffer.find(_END, self._searched)
        if end < 0:
            self._searched = max(0, len(self._buffer) - 1)
        # Without its end yet, the last byte may be the first of the empty line.
        if end > HEADER_MAX_BYTES or (end < 0 and len(self._buffer) > HEADER_MAX_BYTES + 1):
            # The last line there may be cut: half a length would be a wrong one.
            whole = bytes(self._buffer[:HEADER_MAX_BYTES]).rpartition(b"\n")[0]
            headers = _headers(whole)
            if "Content-Length" not in headers:
                raise StreamBroken(f"frame header longer than {HEADER_MAX_BYTES} bytes")
            self._begin_skip(headers, None, "frame header too long")
            self._length = _length(headers)
            return False
        if end < 0:
            return False
        headers = _headers(bytes(self._buffer[:end]))
        self._length = _length(headers)
        self._searched = 0
        if self._length > self._most(headers):
            self._begin_skip(headers, end + len(_END) + self._length, "frame too large")
            return False
        del self._buffer[: end + len(_END)]
        self._headers = headers
        return True

    def _most(self, headers: dict[str, str]) -> int:
        answers = headers.get("Content-Type") == "api/response"
        return max(self.max_bytes, self.answer_max_bytes) if answers else self.max_bytes

    def _begin_skip(self, headers: dict[str, str], to_skip: int | None, reason: str) -> None:
        self._kept, self._size, self._to_skip, self._reason = bytearray(), 0, to_skip, reason
        self._searched = 0
        self._skipped = headers

    def _skip(self) -> Skipped | None:
        """Drop what is here of the frame being skipped; the frame once all of it has passed."""
        if self._to_skip is None:
            end = self._buffer.find(_END)
            if end < 0:  # all but the last byte, which may be the first of the empty line
                self._drop(max(0, len(self._buffer) - 1))
                return None
            self._drop(end + len(_END))
            self._to_skip = self._length
        dropped = min(self._to_skip, len(self._buffer))
        self._drop(dropped)
        self._to_skip -= dropped
        if self._to_skip or self._kept is None:
            return None
        skipped = Skipped(self._skipped, bytes(self._kept), self._size, self._reason)
        self._kept = None
        return skipped

    def _drop(self, count: int) -> None:
        if self._kept is not None:
            self._kept += self._buffer[: min(count, KEPT_BYTES - len(self._kept))]
        self._size += count
        del self._buffer[:count]


def _headers(block: bytes) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in block.decode("utf-8", "replace").split("\n"):
        name, colon, value = line.partition(":")
        if colon:
            headers.setdefault(name.strip(), value.strip())
    return headers


def _length(headers: dict[str, str]) -> int:
    text = headers.get("Content-Length", "0")
    if not _is_length(text.encode()):
        raise StreamBroken(f"Content-Length is no number: {text[:40]!r}")
    return int(text)
