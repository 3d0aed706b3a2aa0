"""The two transports of a feed: an event stream over HTTP, and a WebSocket."""

import asyncio
import random
from functools import partial

from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect

from runtime.guarded_http import ON_DISCONNECT
from sinks.gateway.commands import Commands
from sinks.gateway.feed import CURSOR_SECONDS, End, Feed
from sinks.gateway.gateway import Gateway
from sinks.gateway.message import EXPIRED, Message
from sinks.gateway.subscription import Subscription

EVENT_STREAM = "text/event-stream"
_HEADERS = [
    (b"cache-control", b"no-cache"),
    (b"x-accel-buffering", b"no"),  # a proxy that buffers would delay
    (b"content-type", f"{EVENT_STREAM}; charset=utf-8".encode()),
]
# After so many milliseconds a browser reconnects: spread, so that not all come at once.
_RETRY_MS = (1_000, 5_000)
_GOING_AWAY = 1001
# RFC 6455 §7.4.2: 4000-4999 are the application's own. 4401 as HTTP's 401.
TOKEN_EXPIRED = 4401


class EventStream(Response):
    """The response, which lasts until the subscriber disconnects, its token expires, or the gateway
    stops. It keeps what its feed needs: thousands of them exist at once."""

    def __init__(self, gateway: Gateway, subscription: Subscription) -> None:
        # Not by the class above, which makes them of a dictionary, each time.
        self.raw_headers = _HEADERS.copy()
        self._gateway = gateway
        self._subscription = subscription
        self._framed = _without_record_ids if subscription.only_cursors else _with_record_ids
        # Sent with the first messages: `live` comes to everybody.
        self._before = f"retry: {random.randrange(*_RETRY_MS)}\n\n".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive  # of the connection's end the server tells
        self._asgi_send = send
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await self._write(b"", more=False)
            return
        gateway, asked = self._gateway, self._subscription
        feed = Feed(
            gateway.hub,
            asked.watch,
            self._send_messages,
            gateway.feeds.count_sent,
            client=scope.get("client"),
            keep_alive=self._keep_alive,
            shown=asked.view.shown,
            view=asked.view.name,
            expires_at=asked.identity.expires_at,
            cursor=asked.cursor,
            cursor_interval=CURSOR_SECONDS if asked.only_cursors else 0.0,
        )
        scope["extensions"][ON_DISCONNECT]["call"](partial(feed.end, End.GONE))
        ended = await gateway.run(feed, "sse", asked.identity)
        if ended is End.EXPIRED:
            await self._write(EXPIRED.sse, more=False)
        elif ended is End.STOPPING:
            await self._write(b"", more=False)

    async def _send_messages(self, messages: list[Message]) -> None:
        body = b"".join(map(self._framed, messages))
        if self._before:
            body, self._before = self._before + body, b""
        await self._write(body)

    async def _keep_alive(self) -> None:
        await self._write(b": keep-alive\n\n")

    async def _write(self, body: bytes, *, more: bool = True) -> None:
        await self._asgi_send({"type": "http.response.body", "body": body, "more_body": more})


def _with_record_ids(message: Message) -> bytes:
    return message.sse


def _without_record_ids(message: Message) -> bytes:
    return message.sse_without_id if message.version else message.sse


async def serve_web_socket(gateway: Gateway, asked: Subscription, websocket: WebSocket) -> None:
    """Accept a WebSocket, feed it, and do what its messages ask. The server pings."""

    async def send_messages(messages: list[Message]) -> None:
        for message in messages:
            await websocket.send_text(message.text)

    async def until_gone() -> None:
        while (event := await websocket.receive())["type"] != "websocket.disconnect":
            await commands.handle(event.get("text"))
        feed.end(End.GONE)

    await websocket.accept()
    client = websocket.scope.get("client")
    feed = Feed(
        gateway.hub,
        asked.watch,
        send_messages,
        gateway.feeds.count_sent,
        client=client,
        shown=asked.view.shown,
        view=asked.view.name,
        expires_at=asked.identity.expires_at,
        cursor=asked.cursor,
    )
    commands = Commands(
        gateway.hub, feed, asked.identity.scope, gateway.watched_max, gateway.check_watched
    )
    leaving = asyncio.create_task(until_gone())
    try:
        ended = await gateway.run(feed, "websocket", asked.identity)
        if ended is End.EXPIRED:
            await websocket.close(TOKEN_EXPIRED, "token expired")
        elif ended is End.STOPPING:
            await websocket.close(_GOING_AWAY, "stopping")
    except (WebSocketDisconnect, RuntimeError):
        # RuntimeError: the subscriber broke the protocol, the server itself has closed, and the
        # disconnect has not been received here yet.
        return
    finally:
        leaving.cancel()
