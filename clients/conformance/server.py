"""A scripted gateway: each connection gets the next part of a script of failures.

Nothing here is right or wrong: it records what a client asked for and when, and how many
connections were open at a time.
"""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


@dataclass
class Asked:
    """One request. `at`: monotonic seconds; `cursor`: of the header, else of the query."""

    at: float
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]

    @property
    def cursor(self) -> str:
        return self.headers.get("last-event-id") or self.query.get("cursor", [""])[0]

    @property
    def token(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Connection:
    """What a script does with one connection, after its request was read."""

    def __init__(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter):
        self.asked = asked
        self._reader = reader
        self._writer = writer

    async def answer(self, status: int, body: Any, *headers: str) -> None:
        """A response with a JSON body."""
        text = json.dumps(body).encode()
        head = [f"HTTP/1.1 {status} X", "content-type: application/json", "connection: close"]
        head += [f"content-length: {len(text)}", *headers]
        await self.raw("\r\n".join([*head, "", ""]).encode() + text)

    async def open(self, retry_ms: int = 100) -> None:
        """The head of an event stream, with a short `retry`, so that the test is short."""
        await self.raw(_HEAD.encode())
        await self.text(f"retry: {retry_ms}\n\n")

    async def text(self, text: str | bytes) -> None:
        """A chunk of the stream."""
        data = text.encode() if isinstance(text, str) else text
        await self.raw(f"{len(data):x}\r\n".encode() + data + b"\r\n")

    async def presence(self, aor: str, version: int, **fields: Any) -> None:
        """A record."""
        record = {"aor": aor, "version": version, "status": "online", **fields}
        await self.text(f"event: presence\ndata: {json.dumps(record)}\n\n")

    async def removed(self, aor: str) -> None:
        await self._event({"event": "removed", "aor": aor})

    async def live(self, cursor: str, *, resumed: bool = False) -> None:
        await self._event({"event": "live", "resumed": resumed, "cursor": cursor}, cursor)

    async def cursor(self, cursor: str) -> None:
        await self._event({"event": "cursor", "cursor": cursor}, cursor)

    async def expired(self) -> None:
        await self._event({"event": "expired"})

    async def _event(self, content: dict[str, Any], id_: str = "") -> None:
        head = f"id: {id_}\n" if id_ else ""
        await self.text(f"{head}event: {content['event']}\ndata: {json.dumps(content)}\n\n")

    async def raw(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until_closed(self) -> None:
        """Return when the client has closed the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(4096):
                pass


Script = Sequence[Callable[[Connection], Awaitable[None]]]


@dataclass
class ScriptedGateway:
    """Serves on 127.0.0.1, each connection by the next part of the script; the last part repeats.

    A part that returns ends its connection.
    """

    script: Script
    asked: list[Asked] = field(default_factory=list)
    open_now: int = 0
    open_most: int = 0
    url: str = ""

    def __enter__(self) -> "ScriptedGateway":
        started = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        started.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    def _run(self, started: threading.Event) -> None:
        async def serve() -> None:
            self._stop = asyncio.Event()
            server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
            self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            started.set()
            await self._stop.wait()
            server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._loop.run_until_complete(serve())
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            asked = _request(head)
            self.asked.append(asked)
            self.open_now += 1
            self.open_most = max(self.open_most, self.open_now)
            try:
                part = self.script[min(len(self.asked), len(self.script)) - 1]
                await part(Connection(asked, reader, writer))
            finally:
                self.open_now -= 1
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()


def _request(head: str) -> Asked:
    first, *lines = head.rstrip().split("\r\n")
    parts = urlsplit(first.split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
    query = parse_qs(parts.query, keep_blank_values=True)
    return Asked(time.monotonic(), parts.path, query, headers)
