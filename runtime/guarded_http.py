"""uvicorn's protocols with a connection guard: requests that never end, clients that never read.

uvicorn itself has a timeout for idle connections after a response only (`timeout_keep_alive`), and
none for a request's headers and body. With llhttp (httptools) as parser it bounds neither a
request's head nor how many requests of one connection wait, and at the end of a connection it ends
only the newest of them.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from runtime.connection_guard import Connection, ConnectionGuard
from runtime.joined_head import JoinedHead

if TYPE_CHECKING:
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

# Of request line and headers: room for some hundred users watched, at a hundred bytes each.
HEAD_BYTES_MAX = 64 * 1024
# Requests of one connection that wait for the response to the one before.
_WAITING_MAX = 8
# More in a connection's own buffer, and its client counts as slow.
_HIGH_WATER = 16 * 1024
_TOO_MANY = b'{"error":"too many connections of this address"}'
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"content-length", str(len(_TOO_MANY)).encode()),
    (b"retry-after", b"5"),
    (b"connection", b"close"),
]
# An extension of the scope (ASGI): its `call` takes what to call when the connection is lost before
# the response is complete. `receive` would need a task that waits for it, for each stream.
ON_DISCONNECT = "rollcall.on_disconnect"
_TIMED_OUT = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def end_late_request(connection: Connection) -> None:
    """Answer 408 (RFC 9110 §15.5.9) and close; a connection that sent nothing gets no answer."""
    transport = cast(asyncio.Transport, connection)
    protocol = transport.get_protocol()
    if isinstance(protocol, GuardedHttp) and protocol.has_begun_request:
        transport.write(_TIMED_OUT)
        transport.close()
    else:
        transport.abort()


class GuardedHttp(HttpToolsProtocol):
    """HTTP/1.1. Subclasses made by `guarded` have their server's `guard`."""

    guard: ConnectionGuard

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._is_allowed = True
        self._has_received = False
        # Received last, and of a head that is not complete: bytes, at most.
        self._received = self._head_bytes = 0
        # The request that is being answered; others wait in `pipeline`.
        self._answered: RequestResponseCycle | None = None
        self._on_disconnect: Callable[[], None] | None = None

    @property
    def has_begun_request(self) -> bool:
        """Whether a part of a request was received, and no response to it has begun."""
        answered = self._answered
        is_open = answered is not None and not answered.response_complete
        return self._has_received and not (
            is_open and answered is not None and answered.response_started
        )

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # uvicorn's is typed so
        # uvicorn's own would ask the kernel seven times for the two addresses.
        self.connections.add(self)
        self.transport, self.flow, self.scheme = transport, FlowControl(transport), "http"
        self.server = _address(transport, "sockname")
        self.client = _address(transport, "peername")
        transport.set_write_buffer_limits(high=_HIGH_WATER)
        address = self.client[0] if self.client else ""
        self._is_allowed = self.guard.opened(transport, address, self.loop.time())
        self.guard.keep_sweeping(self.loop)
        if not self._is_allowed:
            self.app = _too_many

    def connection_lost(self, exc: Exception | None) -> None:
        self.guard.closed(self.transport)
        for cycle in (self._answered, *(waiting for waiting, _ in self.pipeline)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()
        if self._on_disconnect is not None:
            self._on_disconnect()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._has_received = True
        self._received = len(data)
        if self._head_bytes:
            self._head_bytes += len(data)
        super().data_received(data)
        if self._head_bytes > HEAD_BYTES_MAX:
            self.send_400_response("The request's head is too long.")
        self._note_state()

    # -- called by the parser, which answers 400 to what they raise -------------------------------
    def on_message_begin(self) -> None:
        if len(self.pipeline) >= _WAITING_MAX:
            raise ValueError("too many requests wait")
        self._head_bytes = self._received
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._head_bytes = 0
        if len(self.url) + sum(len(n) + len(v) for n, v in self.headers) > HEAD_BYTES_MAX:
            raise ValueError("the head is too long")
        super().on_headers_complete()

    # -- the guard's view -------------------------------------------------------------------------
    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answered = cycle
        cycle.transport = cast(asyncio.Transport, JoinedHead(cycle.transport))
        cycle.scope["extensions"] = {ON_DISCONNECT: {"call": self._call_on_disconnect}}
        super()._start_asgi_task(cycle, app)

    def _call_on_disconnect(self, function: Callable[[], None]) -> None:
        if self.transport.is_closing():
            function()
        else:
            self._on_disconnect = function

    def on_response_complete(self) -> None:
        self._on_disconnect = None
        if self._answered is not None:
            cast(JoinedHead, self._answered.transport).flush()
        self._has_received = bool(self.pipeline)
        super().on_response_complete()
        self._note_state()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.guard.paused(self.transport, self.loop.time())

    def resume_writing(self) -> None:
        super().resume_writing()
        self.guard.resumed(self.transport)

    def handle_websocket_upgrade(self) -> None:
        if self._is_allowed:
            self.guard.has_request(self.transport)
            super().handle_websocket_upgrade()
            return
        head = [b"HTTP/1.1 429 Too Many Requests", *(b": ".join(one) for one in _HEADERS)]
        self.transport.write(b"\r\n".join([*head, b"", _TOO_MANY]))
        self.transport.close()

    def _note_state(self) -> None:
        if self.transport.get_protocol() is not self:
            return  # it is a WebSocket now
        answered = self._answered
        if answered is None or answered.response_complete or answered.more_body:
            self.guard.awaits_request(self.transport, self.loop.time())
        else:
            self.guard.has_request(self.transport)


def guarded(guard: ConnectionGuard) -> type[GuardedHttp]:
    """The HTTP protocol of a server with this guard, for `uvicorn.Config(http=…)`."""
    return type("Guarded", (GuardedHttp,), {"guard": guard})


def guarded_web_socket(guard: ConnectionGuard) -> "type[WebSocketsSansIOProtocol]":
    """The same for WebSockets, for `uvicorn.Config(ws=…)`."""
    # Imported here: stages without WebSockets start faster without their library.
    from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

    class GuardedWebSocket(WebSocketsSansIOProtocol):
        def connection_lost(self, exc: Exception | None) -> None:
            guard.closed(self.transport)
            super().connection_lost(exc)

        def pause_writing(self) -> None:
            super().pause_writing()
            guard.paused(self.transport, self.loop.time())

        def resume_writing(self) -> None:
            super().resume_writing()
            guard.resumed(self.transport)

    return GuardedWebSocket


def _address(transport: asyncio.Transport, name: str) -> tuple[str, int] | None:
    """The address of one of the two ends, `sockname` or `peername`."""
    found = transport.get_extra_info(name)
    return (str(found[0]), int(found[1])) if isinstance(found, tuple) else None


async def _too_many(scope: Any, receive: Any, send: Any) -> None:
    """The ASGI application of connections past the limit of their address."""
    del scope, receive
    await send({"type": "http.response.start", "status": 429, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _TOO_MANY, "more_body": False})
