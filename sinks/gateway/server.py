"""The gateway's event loop in a thread of its own: listens, serves, checks feeds, stops."""

import asyncio
import socket
import struct
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import cycle

import uvicorn
import uvloop
from websockets import http11

from runtime import logs
from runtime.connection_guard import ConnectionGuard
from runtime.guarded_http import (
    HEAD_BYTES_MAX,
    end_late_request,
    guarded,
    guarded_web_socket,
)
from runtime.metrics import GATEWAY_CONNECTIONS
from sinks.gateway.app import app
from sinks.gateway.feeds import ALL_TURNS, CHECK_SECONDS, FIRST_TURN, TURNS
from sinks.gateway.gateway import NOWHERE, Gateway
from sinks.gateway.listener import BACKLOG, listen
from sinks.gateway.message import Message
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

# So many batches of messages may wait for the loop; past that the reader waits.
_BATCHES_WAITING = 16
# For so long a stopping gateway waits for subscribers to be disconnected.
STOP_SECONDS = 5.0
# Changes that come one by one cost several times as much: two threads wake up for each, and each
# subscriber of a domain gets a packet. So what comes within so many seconds is applied at once,
# and more of it while the thread has no time left, as when all subscribers reconnect.
_TOGETHER, _TOGETHER_BUSY = 0.002, 0.016
# The part of the time that it works, from which on it counts as busy.
_BUSY = 0.8
# SO_LINGER: on, for 0 seconds. The kernel drops what it could not send.
_NO_LINGER = struct.pack("ii", 1, 0)


class Server:
    """Everything but `apply`, `call` and `stop` happens in its thread."""

    def __init__(self, gateway: Gateway, settings: GatewaySettings) -> None:
        """Listen from now on. Raises BadSettings when the port is taken."""
        self._gateway = gateway
        self._listener = listen(settings)
        host, port = self._listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        stalled_after = settings.stalled_after.total_seconds()
        self._guard = ConnectionGuard(
            settings.limits.of_connections(settings.subscribers_max, stalled_after),
            is_proxy=gateway.limits.proxies.has,
            refused=gateway.refusals.refuse_connection,
            timed_out=end_late_request,
        )
        self._stop_seconds = STOP_SECONDS + settings.limits.stop_spread.total_seconds()
        # By default the library does not answer a longer WebSocket request.
        http11.MAX_LINE_LENGTH = http11.MAX_NUM_HEADERS = HEAD_BYTES_MAX
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app(gateway),
                interface="asgi3",
                loop="asyncio",
                http=guarded(self._guard),
                ws=guarded_web_socket(self._guard),
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                # Its own check, with the addresses of the proxies from the settings.
                proxy_headers=False,
                # uvloop accepts one at a time: others' requests are read between them.
                backlog=BACKLOG,
                ws_max_size=HEAD_BYTES_MAX,
                ws_ping_interval=settings.keepalive.total_seconds(),
                # A slow answer is no stall, and TCP notices a peer that is gone.
                ws_ping_timeout=None,
                # It would take 100 kB a subscriber, and compress each message for each of them.
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._loop = uvloop.new_event_loop()
        self._room = threading.BoundedSemaphore(_BATCHES_WAITING)
        self._is_busy = False
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    def start(self) -> None:
        self._thread.start()
        log.info("listening", url=self.url, open_to_everybody=self._gateway.access.is_open)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def apply(self, messages: list[Message], positions: Mapping[int, int] = NOWHERE) -> None:
        """Apply messages in the thread, in order, up to these offsets of the partitions.

        Waits while the thread is behind and alive.
        """
        while self.is_alive:
            if self._room.acquire(timeout=1.0):
                self.call(self._apply_batch, messages, positions)
                return

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Have it called in the thread, after the messages applied before."""
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(function, *arguments)

    def together(self) -> float:
        """What comes within so many seconds, `apply` should get at once."""
        return _TOGETHER_BUSY if self._is_busy else _TOGETHER

    @property
    def connections(self) -> int:
        """How many are open, with those whose request is not complete."""
        return len(self._guard)

    def begin_stop(self) -> None:
        """End the subscriptions one by one, then the thread; until then messages are applied."""
        self.call(self._stop.set)

    def stop(self) -> None:
        """The same, and return when the thread has ended."""
        self.begin_stop()
        self._thread.join(2 * STOP_SECONDS + self._stop_seconds)

    # -- in the thread ----------------------------------------------------------------------------
    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        serving = asyncio.create_task(self._uvicorn.serve([self._listener]))
        maintaining = asyncio.create_task(self._gateway.access.maintain())
        turns = cycle(ALL_TURNS)
        while not self._stop.is_set() and not serving.done():
            worked, began = time.thread_time(), self._loop.time()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), CHECK_SECONDS / TURNS)
            took = self._loop.time() - began
            self._is_busy = time.thread_time() - worked > _BUSY * took
            self._check(next(turns))
        draining = asyncio.create_task(self._gateway.drain())
        while not draining.done():
            await asyncio.wait([draining], timeout=CHECK_SECONDS / TURNS)
            self._check(next(turns))
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gateway.feeds.emptied.wait(), STOP_SECONDS)
        self._uvicorn.should_exit = True
        maintaining.cancel()
        await serving

    def _check(self, turn: int) -> None:
        if turn == FIRST_TURN:
            GATEWAY_CONNECTIONS.set(len(self._guard))
        for feed in self._gateway.check(self._loop.time(), (turn,)):
            self._abort(feed.client)

    def _apply_batch(self, messages: list[Message], positions: Mapping[int, int]) -> None:
        self._room.release()
        self._gateway.apply(messages, positions)

    def _abort(self, client: object) -> None:
        """Reset a connection. To close it would wait until the subscriber has received the rest."""
        for connection in list(self._uvicorn.server_state.connections):
            transport: asyncio.Transport | None = getattr(connection, "transport", None)
            if getattr(connection, "client", None) == client and transport is not None:
                accepted = transport.get_extra_info("socket")
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                transport.abort()
