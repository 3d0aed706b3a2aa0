"""Subscribers of gateways that are killed, in a process: each reconnects with its cursor.

As `watchers.py` they implement only the HTTP they need, and check every message.
"""

import asyncio
import gc
import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
import uvloop

from benchmarks.clients import raise_file_limit
from benchmarks.scene import NotReached

# Connections that are opened at once, and by how much their starts are spread, in seconds.
_OPENING = 300
SPREAD_SECONDS = 1.0
_TIMEOUT_SECONDS = 300.0


class Received(msgspec.Struct, gc=False):
    """The fields of a message that are checked."""

    event: str = ""
    aor: str = ""
    version: int = 0
    at: datetime | None = None
    cursor: str = ""
    resumed: bool = False


_decode = msgspec.json.Decoder(Received).decode


@dataclass(slots=True)
class Bytes:
    """Of streams, until `live`. `waited`: of records that changed after their subscriber had
    reconnected, before it was served."""

    all: int = 0
    waited: int = 0

    def __add__(self, other: "Bytes") -> "Bytes":
        return Bytes(self.all + other.all, self.waited + other.waited)


@dataclass
class Round:
    """All subscribers once live: what those of some users received, and those of the domain."""

    narrow: Bytes
    whole: Bytes
    resumed: int = 0
    seconds: float = 0.0


@dataclass
class Report:
    """What was wrong."""

    unwatched: int = 0
    stale: int = 0


@dataclass(eq=False)
class Subscriber:
    """`users` by AOR with the version; of a whole domain all that came."""

    query: str
    users: dict[str, int]
    is_whole: bool
    report: Report
    cursor: str = ""
    until_live: Bytes = field(default_factory=Bytes)
    resumed: bool = False
    fresh: dict[str, int] = field(default_factory=dict)
    is_live: bool = False

    def take(self, message: Received) -> None:
        if message.event == "live":
            self._become_live(message)
        elif message.event == "cursor":
            self.cursor = message.cursor
        elif not self.is_live:
            self.fresh[message.aor] = message.version
        elif not self.is_whole and message.aor not in self.users:
            self.report.unwatched += 1
        elif message.version <= self.users.get(message.aor, 0):
            self.report.stale += 1
        else:
            self.users[message.aor] = message.version

    def _become_live(self, message: Received) -> None:
        self.is_live, self.resumed, self.cursor = True, message.resumed, message.cursor
        for aor, version in self.fresh.items():
            # What was received after the last cursor is sent again.
            self.users[aor] = max(version, self.users.get(aor, 0))
        self.fresh = {}


class _Stream(asyncio.Protocol):
    """One connection of a subscriber."""

    def __init__(self, subscriber: Subscriber, host: str, came: datetime) -> None:
        self._subscriber, self._came = subscriber, came
        subscriber.is_live, subscriber.fresh, subscriber.until_live = False, {}, Bytes()
        query = f"{subscriber.query}&cursor={subscriber.cursor}"
        self._request = f"GET /presence?{query} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode()
        self._data = b""
        self._has_head = False
        self.live: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        transport.write(self._request)

    def connection_lost(self, error: Exception | None) -> None:
        if not self.live.done():
            self.live.set_exception(error or ConnectionError(f"refused: {self._data[:300]!r}"))

    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._has_head:
            head, end, rest = self._data.partition(b"\r\n\r\n")
            if not end or head.split(b" ", 2)[1] != b"200":
                return
            self._has_head, self._data = True, rest
        subscriber = self._subscriber
        *events, self._data = self._data.split(b"\n\n")
        for event in events:
            start = event.find(b"data: ")
            message = _decode(event[start + 6 :]) if start >= 0 else None
            if not subscriber.is_live:
                subscriber.until_live.all += len(event) + 2
                if message and message.at and message.at > self._came:
                    subscriber.until_live.waited += len(event) + 2
            if message:
                subscriber.take(message)
        if subscriber.is_live and not self.live.done():
            self.live.set_result(None)


class Subscribers:
    """Runs from construction to `close`; `watched`: AORs of each, none for the whole domain."""

    def __init__(self, domain: str, watched: Sequence[Sequence[str]]) -> None:
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(domain, watched, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def connect(self, url: str) -> Round:
        """All of them, at once; returns when all are live. Raises NotReached."""
        found: Round = self._ask(("connect", url))
        return found

    def behind(self, newest: dict[str, int]) -> int:
        """Pairs of subscriber and user that are not at the newest version. Raises NotReached."""
        return int(self._ask(("behind", newest)))

    def report(self) -> Report:
        """Raises NotReached."""
        found: Report = self._ask(("report", None))
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.join()

    def _ask(self, question: tuple[str, Any]) -> Any:
        self._pipe.send(question)
        if not self._pipe.poll(_TIMEOUT_SECONDS):
            raise NotReached(f"not within {_TIMEOUT_SECONDS:.0f} s: {question[0]}")
        answer = self._pipe.recv()
        if isinstance(answer, Exception):
            raise NotReached(f"{question[0]}: {answer!r}")
        return answer


# -- in the process -------------------------------------------------------------------------------
def _run(domain: str, watched: Sequence[Sequence[str]], pipe: Connection) -> None:
    raise_file_limit()
    gc.disable()
    uvloop.run(_serve(domain, watched, pipe))


async def _serve(domain: str, watched: Sequence[Sequence[str]], pipe: Connection) -> None:
    loop, report = asyncio.get_running_loop(), Report()
    subscribers = [
        Subscriber(
            "&".join(f"aor={quote(aor, safe=':@')}" for aor in aors) or f"domain={domain}",
            dict.fromkeys(aors, 0),
            not aors,
            report,
        )
        for aors in watched
    ]
    while True:
        what, value = await loop.run_in_executor(None, pipe.recv)
        try:
            if what == "connect":
                pipe.send(await _connect(subscribers, value))
            elif what == "behind":
                pipe.send(sum(_behind(one, value) for one in subscribers))
            else:
                pipe.send(report)
        except (OSError, ConnectionError) as error:
            pipe.send(error)


def _behind(one: Subscriber, newest: dict[str, int]) -> int:
    aors = newest if one.is_whole else one.users
    return sum(one.users.get(aor, 0) != newest[aor] for aor in aors)


async def _connect(subscribers: Sequence[Subscriber], url: str) -> Round:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    loop, opening = asyncio.get_running_loop(), asyncio.Semaphore(_OPENING)
    began = monotonic()

    async def one(number: int, subscriber: Subscriber) -> None:
        await asyncio.sleep(SPREAD_SECONDS * number / len(subscribers))
        came = datetime.now(UTC)
        async with opening:
            stream = _Stream(subscriber, parts.netloc, came)
            await loop.create_connection(lambda: stream, host, port)
            await stream.live

    await asyncio.gather(*(one(number, each) for number, each in enumerate(subscribers)))
    return Round(
        sum((each.until_live for each in subscribers if not each.is_whole), Bytes()),
        sum((each.until_live for each in subscribers if each.is_whole), Bytes()),
        sum(each.resumed for each in subscribers),
        monotonic() - began,
    )
