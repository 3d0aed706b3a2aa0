"""The gateway's event loop in a thread of its own: listens, serves, looks after, stops."""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from websockets import http11

from runtime import logs
from sinks.gateway.app import app
from sinks.gateway.gateway import LOOK_SECONDS, Gateway
from sinks.gateway.listener import listen
from sinks.gateway.message import Message
from sinks.gateway.settings import GatewaySettings

log = logs.get(__name__)

# Batches of what was read that may wait for the loop: past that the reader waits.
_BATCHES_WAITING = 16
# Until all subscribers have been told to go elsewhere.
STOP_SECONDS = 5.0
# Request line and headers: a hundred bytes a user watched, some of them.
_REQUEST_BYTES = 64 * 1024
# How long a closed connection lingers: switched on, 0 seconds.
_NOT_AT_ALL = struct.pack("ii", 1, 0)


class Server:
    """Everything but `hand`, `call` and `stop` happens in its thread."""

    def __init__(self, gateway: Gateway, settings: GatewaySettings) -> None:
        """Listens from now on; raises BadSettings when the port is taken."""
        self._gateway = gateway
        self._listener = listen(settings)
        host, port = self._listener.getsockname()[:2]
        self.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        # By itself the library leaves a longer WebSocket request without an answer.
        http11.MAX_LINE_LENGTH = http11.MAX_NUM_HEADERS = _REQUEST_BYTES
        self._uvicorn = uvicorn.Server(
            uvicorn.Config(
                app(gateway),
                loop="asyncio",
                http="h11",
                ws="websockets-sansio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                backlog=4096,
                h11_max_incomplete_event_size=_REQUEST_BYTES,
                ws_max_size=4096,
                ws_ping_interval=settings.keepalive.total_seconds(),
                # Who is slow to answer is not stalled, and whose machine is gone TCP notices.
                ws_ping_timeout=None,
                # It would take 100 kB a subscriber and compress each message for each.
                ws_per_message_deflate=False,
                timeout_graceful_shutdown=1,
            )
        )
        self._loop = asyncio.new_event_loop()
        self._room = threading.BoundedSemaphore(_BATCHES_WAITING)
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="gateway", daemon=True)

    def start(self) -> None:
        self._thread.start()
        log.info("listening", url=self.url, open_to_everybody=self._gateway.access.is_open)

    @property
    def is_alive(self) -> bool:
        return self._thread.is_alive()

    def hand(self, messages: list[Message]) -> None:
        """Give the gateway what was read; waits while it is behind, but not for a dead one."""
        while self.is_alive:
            if self._room.acquire(timeout=1.0):
                self.call(self._apply, messages)
                return

    def call(self, function: Callable[..., None], *arguments: object) -> None:
        """Have it called in the thread, after what was handed before."""
        with suppress(RuntimeError):  # its loop has ended by itself
            self._loop.call_soon_threadsafe(function, *arguments)

    def stop(self) -> None:
        """End every subscription, then the thread."""
        self.call(self._stop.set)
        self._thread.join(3 * STOP_SECONDS)

    # -- in the thread ----------------------------------------------------------------------------
    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._main())
        finally:
            self._loop.close()

    async def _main(self) -> None:
        serving = asyncio.create_task(self._uvicorn.serve([self._listener]))
        while not self._stop.is_set() and not serving.done():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), LOOK_SECONDS)
            for feed in self._gateway.look_after(self._loop.time()):
                self._abort(feed.client)
        self._gateway.end_all()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._gateway.emptied.wait(), STOP_SECONDS)
        self._uvicorn.should_exit = True
        await serving

    def _apply(self, messages: list[Message]) -> None:
        self._room.release()
        self._gateway.apply(messages)

    def _abort(self, client: object) -> None:
        """Cut a connection. To close it would wait until the subscriber has taken the rest."""
        for connection in list(self._uvicorn.server_state.connections):
            transport: asyncio.Transport | None = getattr(connection, "transport", None)
            if getattr(connection, "client", None) == client and transport is not None:
                # Else the kernel would keep what it could not send, and try on.
                accepted = transport.get_extra_info("socket")
                accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOT_AT_ALL)
                transport.abort()
