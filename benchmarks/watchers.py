"""Subscribers of a gateway: thousands of connections in a process of their own.

They speak just enough HTTP and WebSocket to read quickly: a client library would cost more than the
gateway that is measured. Each notes the newest version of each of its users, and how late it came.
"""

import asyncio
import gc
import multiprocessing
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec

from benchmarks.clients import raise_file_limit
from benchmarks.load import due_of
from benchmarks.scene import NotReached

# Connections that are being opened at once: more would only fill the listener's queue.
_OPENING = 100
# Files beside the connections.
_OTHER_FILES = 100
_PATIENCE_SECONDS = 180.0


@dataclass
class Report:
    """Of all subscribers."""

    # (due, seconds until it was received) of each change.
    delays: list[tuple[float, float]] = field(default_factory=list)
    # What must not be: users not watched, versions again or older, connections that ended.
    unwatched: int = 0
    stale: int = 0
    ended: int = 0


class Watchers:
    """Runs from construction to `report`. Each of `watched` is one subscriber's users."""

    def __init__(self, url: str, transport: str, watched: Sequence[Sequence[str]]) -> None:
        """Returns when all are live. Raises NotReached."""
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(url, transport, watched, theirs), daemon=True
        )
        self._process.start()
        theirs.close()
        self._answer("all subscribers live")

    def behind(self, newest: dict[str, int]) -> int:
        """Pairs of subscriber and user that are not at the newest version. Raises NotReached."""
        self._pipe.send(newest)
        return int(self._answer("how many are behind"))

    def report(self) -> Report:
        """What they were told; they end. Raises NotReached."""
        self._pipe.send(None)
        found: Report = self._answer("a report")
        self._process.join()
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def _answer(self, what: str) -> Any:
        if not self._pipe.poll(_PATIENCE_SECONDS):
            raise NotReached(f"not within {_PATIENCE_SECONDS:.0f} s: {what}")
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise NotReached(f"the subscribers' process ended before {what}") from error


def possible(wanted: int) -> int:
    """As many as one process may have open files for."""
    return min(wanted, raise_file_limit() - _OTHER_FILES)


# -- in the process -------------------------------------------------------------------------------
class _Told(msgspec.Struct, gc=False):
    """What counts of a message; the marker has only `event`."""

    event: str = ""
    aor: str = ""
    version: int = 0
    evidence: list[str] = []


_decode = msgspec.json.Decoder(_Told).decode
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


class _Watcher(asyncio.Protocol):
    """One subscriber."""

    def __init__(self, request: bytes, split: Split, users: Sequence[str], report: Report) -> None:
        self._request, self._split, self._report = request, split, report
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
            self._take(_decode(text), now)

    def _take(self, told: _Told, now: float) -> None:
        if told.event == "live":
            self.live.set_result(None)
            return
        known = self.versions.get(told.aor)
        if known is None:
            self._report.unwatched += 1
        elif told.version <= known:
            self._report.stale += 1
        else:
            self.versions[told.aor] = told.version
            if self.live.done() and (due := due_of(told.evidence)) is not None:
                self._report.delays.append((due, now - due))


def _request(transport: str, host: str, users: Sequence[str]) -> bytes:
    query = "&".join(f"aor={quote(aor, safe=':@')}" for aor in users)
    upgrade = (
        "connection: upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\n"
        "sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        if transport == "websocket"
        else ""
    )
    return f"GET /presence?{query} HTTP/1.1\r\nhost: {host}\r\n{upgrade}\r\n".encode()


def _run(url: str, transport: str, watched: Sequence[Sequence[str]], pipe: Connection) -> None:
    raise_file_limit()
    gc.disable()  # what they note would be walked again and again
    asyncio.run(_watch(url, transport, watched, pipe))


async def _watch(
    url: str, transport: str, watched: Sequence[Sequence[str]], pipe: Connection
) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    split = split_frames if transport == "websocket" else split_events
    report, loop, opening = Report(), asyncio.get_running_loop(), asyncio.Semaphore(_OPENING)

    async def subscribe(users: Sequence[str]) -> _Watcher:
        async with opening:
            watcher = _Watcher(_request(transport, parts.netloc, users), split, users, report)
            await loop.create_connection(lambda: watcher, host, port)
            await watcher.live
            return watcher

    watchers = await asyncio.gather(*map(subscribe, watched))
    pipe.send(len(watchers))
    while (newest := await loop.run_in_executor(None, pipe.recv)) is not None:
        pipe.send(
            sum(
                newest[aor] != version
                for watcher in watchers
                for aor, version in watcher.versions.items()
            )
        )
    pipe.send(report)
