"""One subscriber of a gateway, as cheap as possible: it reads, checks, and records delays."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import quote

import msgspec

from benchmarks.load import due_of


@dataclass
class Report:
    """What all subscribers received."""

    # (due, seconds until it was received) of each change.
    delays: list[tuple[float, float]] = field(default_factory=list)
    # Errors: users not watched, repeated or older versions, connections that ended.
    unwatched: int = 0
    stale: int = 0
    ended: int = 0


class Received(msgspec.Struct, gc=False):
    """The fields of a message that are checked; markers have `event`, and no record."""

    event: str = ""
    aor: str = ""
    version: int = 0
    evidence: list[str] = []


_decode = msgspec.json.Decoder(Received).decode
Split = Callable[[bytes], tuple[list[bytes], bytes]]


def split_events(data: bytes) -> tuple[list[bytes], bytes]:
    """The JSON of whole server-sent events, and the rest. A chunk here holds whole events."""
    *whole, rest = data.split(b"\n\n")
    return [part.partition(b"\ndata: ")[2] for part in whole if b"\ndata: " in part], rest


def split_frames(data: bytes) -> tuple[list[bytes], bytes]:
    """The texts of whole WebSocket frames of a server, and the rest."""
    texts, at = [], 0
    while len(data) >= at + 2:
        size, head = data[at + 1], 2
        if size == 126:
            size, head = int.from_bytes(data[at + 2 : at + 4]), 4
        elif size == 127:
            size, head = int.from_bytes(data[at + 2 : at + 10]), 10
        if len(data) < at + head + size:
            break
        if data[at] & 0x0F == 1:
            texts.append(data[at + head : at + head + size])
        at += head + size
    return texts, data[at:]


class Watcher(asyncio.Protocol):
    """One subscriber."""

    def __init__(self, request_: bytes, split: Split, users: Sequence[str], report: Report) -> None:
        self._request, self._split, self._report = request_, split, report
        self._data = b""
        self._has_head = False
        self.versions = dict.fromkeys(users, 0)
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        self._report.ended += 1
        if not self.live.done():
            self.live.set_exception(error or ConnectionError(f"refused: {self._data[:500]!r}"))

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        self._data += data
        if not self._has_head:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end or head.split(b" ", 2)[1] not in (b"101", b"200"):
                return
            self._has_head, self._data = True, rest
        texts, self._data = self._split(self._data)
        for text in texts:
            self._add(_decode(text), now)

    def _add(self, message: Received, now: float) -> None:
        if message.event == "live":
            self.live.set_result(None)
        if message.event:
            return
        known = self.versions.get(message.aor)
        if known is None:
            self._report.unwatched += 1
        elif message.version <= known:
            self._report.stale += 1
        else:
            self.versions[message.aor] = message.version
            if self.live.done() and (due := due_of(message.evidence)) is not None:
                self._report.delays.append((due, now - due))


def request(transport: str, host: str, users: Sequence[str]) -> bytes:
    query = "&".join(f"aor={quote(aor, safe=':@')}" for aor in users)
    upgrade = (
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        if transport == "websocket"
        else ""
    )
    return f"GET /presence?{query} HTTP/1.1\r\nhost: {host}\r\n{upgrade}\r\n".encode()
