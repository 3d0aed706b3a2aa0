"""Subscribers of a gateway: thousands of connections in a process of their own.

They implement only the HTTP and WebSocket they need: a client library would cost more than the
measured gateway. Each records the newest version of each of its users, and its delay.
"""

import asyncio
import gc
import multiprocessing
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

import uvloop

from benchmarks.clients import raise_file_limit
from benchmarks.scene import NotReached
from benchmarks.watcher import Report, Watcher, request, split_events, split_frames

# Connections that are opened at once: more would only fill the listener's queue.
_OPENING = 100
# Files beside the connections.
_OTHER_FILES = 100
_TIMEOUT_SECONDS = 180.0


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
        """End them; returns what they received. Raises NotReached."""
        self._pipe.send(None)
        found: Report = self._answer("a report")
        self._process.join()
        return found

    def kill(self) -> None:
        self._process.kill()
        self._process.join()

    def _answer(self, what: str) -> Any:
        if not self._pipe.poll(_TIMEOUT_SECONDS):
            raise NotReached(f"not within {_TIMEOUT_SECONDS:.0f} s: {what}")
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise NotReached(f"the subscribers' process ended before {what}") from error


def possible(wanted: int) -> int:
    """How many subscribers one process may have open files for, `wanted` at most."""
    return min(wanted, raise_file_limit() - _OTHER_FILES)


# -- in the process -------------------------------------------------------------------------------
def _run(url: str, transport: str, watched: Sequence[Sequence[str]], pipe: Connection) -> None:
    raise_file_limit()
    gc.disable()  # the collector would walk their records again and again
    uvloop.run(_watch(url, transport, watched, pipe))


async def _watch(
    url: str, transport: str, watched: Sequence[Sequence[str]], pipe: Connection
) -> None:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 0
    split = split_frames if transport == "websocket" else split_events
    report, loop, opening = Report(), asyncio.get_running_loop(), asyncio.Semaphore(_OPENING)

    async def subscribe(users: Sequence[str]) -> Watcher:
        async with opening:
            watcher = Watcher(request(transport, parts.netloc, users), split, users, report)
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
