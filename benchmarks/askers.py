"""Clients that ask a gateway for routes at a steady rate, in a process of their own.

An open loop: each request is sent when it is due, over a connection that is free, and its delay
counts from then. They implement only the HTTP they need, as the watchers.
"""

import asyncio
import multiprocessing
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from urllib.parse import quote, urlsplit

import uvloop

from benchmarks.scene import NotReached

# Each is asked once at a time. More wait for a free one, which their delays show.
_CONNECTIONS = 64
_TIMEOUT_SECONDS = 60.0


@dataclass
class Asked:
    """What the clients got: (due, delay) in seconds, and how many answers were wrong."""

    delays: list[tuple[float, float]] = field(default_factory=list)
    wrong: int = 0


class Askers:
    """Run from construction to `stop`."""

    def __init__(self, url: str, aors: Sequence[str], rate: int) -> None:
        """`rate`: requests a second, for each of `aors` in turn."""
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._stop = context.Event()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(url, aors, rate, self._stop, theirs), daemon=True
        )
        self._process.start()
        self._pipe.recv()  # it has begun

    def stop(self) -> Asked:
        """Stop; returns what was answered. Raises NotReached."""
        self._stop.set()
        if not self._pipe.poll(_TIMEOUT_SECONDS):
            raise NotReached("the clients that ask for routes do not end")
        found: Asked = self._pipe.recv()
        self._process.join()
        return found


def _run(url: str, aors: Sequence[str], rate: int, stop: Event, pipe: Connection) -> None:
    pipe.send(uvloop.run(_ask_all(url, aors, rate, stop, pipe)))


async def _ask_all(
    url: str, aors: Sequence[str], rate: int, stop: Event, pipe: Connection
) -> Asked:
    parts, asked = urlsplit(url), Asked()
    free: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()
    for _ in range(_CONNECTIONS):
        free.append(await asyncio.open_connection(parts.hostname, parts.port))
    room = asyncio.Semaphore(_CONNECTIONS)
    pipe.send(None)

    async def ask(aor: str, due: float) -> None:
        async with room:
            reader, writer = free.popleft()
            writer.write(
                f"GET /v1/users/{quote(aor, safe='')}/route HTTP/1.1\r\nhost: x\r\n\r\n".encode()
            )
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
            body = await reader.readexactly(length)
            free.append((reader, writer))
        asked.delays.append((due, time.monotonic() - due))
        asked.wrong += not (
            head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 404")) and aor.encode() in body
        )

    began, sent = time.monotonic(), 0
    async with asyncio.TaskGroup() as tasks:
        while not stop.is_set():
            while (due := began + sent / rate) <= time.monotonic():
                tasks.create_task(ask(aors[sent % len(aors)], due))
                sent += 1
            await asyncio.sleep(max(0.0, due - time.monotonic()))
    for _, writer in free:
        writer.close()
    return asked
