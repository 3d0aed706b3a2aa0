"""Hostile connections to a gateway: thousands that send nothing, too slowly, or only wait.

They run in a process of their own, and connect again as soon as the gateway closes them.
"""

import asyncio
import contextlib
import multiprocessing
import socket
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from benchmarks.clients import raise_file_limit

Connect = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]
# Between the bytes of a slow request, and between attempts to connect.
_SLOW_SECONDS = 1.0
# Connections are opened over so many seconds: a flood, not one single burst.
_OPENING_SECONDS = 5.0


class Flood:
    """Runs from construction to `stop`: a third each half-open, slow, and idle streams."""

    def __init__(self, url: str, connections: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_run, args=(url, connections, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def opened(self) -> int:
        """How many connections were opened so far, again and again."""
        self._pipe.send("opened")
        return int(self._pipe.recv())

    def stop(self) -> None:
        self._process.kill()
        self._process.join()


def _run(url: str, connections: int, pipe: Connection) -> None:
    raise_file_limit()
    asyncio.run(_flood(url, connections, pipe))


async def _flood(url: str, connections: int, pipe: Connection) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    opened = 0

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        nonlocal opened
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(client, (host, port))
        except OSError:
            client.close()
            raise
        opened += 1
        return await asyncio.open_connection(sock=client, limit=1_024)

    async def again_and_again(kind: Callable[[Connect], Awaitable[None]], number: int) -> None:
        await asyncio.sleep(_OPENING_SECONDS * number / connections)
        while True:
            with contextlib.suppress(OSError):
                await kind(connect)
            await asyncio.sleep(_SLOW_SECONDS)

    kinds = (_half_open, _slow, _idle)
    tasks = [
        asyncio.create_task(again_and_again(kinds[number % len(kinds)], number))
        for number in range(connections)
    ]
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, pipe.recv):
        pipe.send(opened)
    await asyncio.gather(*tasks)


async def _half_open(connect: Connect) -> None:
    reader, writer = await connect()
    with contextlib.closing(writer):
        await reader.read(1)


async def _slow(connect: Connect) -> None:
    reader, writer = await connect()
    with contextlib.closing(writer):
        writer.write(b"GET /presence HTTP/1.1\r\nhost: x\r\n")
        while not reader.at_eof():
            writer.write(b"x-a: b\r\n")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(reader.read(1_024), _SLOW_SECONDS)


async def _idle(connect: Connect) -> None:
    reader, writer = await connect()
    with contextlib.closing(writer):
        writer.write(b"GET /presence?domain=nobody.test HTTP/1.1\r\nhost: x\r\n\r\n")
        while await reader.read(1_024):
            pass
