"""A handler as an ASGI application: between the router and the handlers of requests.

Starlette's own wrapper of a handler, and the middlewares of its application, put eight coroutines
around each request and three around each part of a response. A subscriber keeps them for as long as
it is connected, and each message passes them. What they do is done by handlers here (refusals) and
by uvicorn (500).
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket

Handler = Callable[[Request], Awaitable[Response]]
WebSocketHandler = Callable[[WebSocket], Awaitable[None]]


class Endpoint:
    """Answers requests of these methods by a handler, others with 405."""

    def __init__(self, handler: Handler, *methods: str) -> None:
        """`methods`: GET includes HEAD (RFC 9110 §9.3.2)."""
        self._handler = handler
        self._methods = {*methods, "HEAD"} if "GET" in methods else set(methods)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] in self._methods:
            response = await self._handler(Request(scope, receive, send))
        else:
            headers = {"allow": ", ".join(sorted(self._methods))}
            response = JSONResponse({"error": "Method Not Allowed"}, 405, headers)
        await response(scope, receive, send)


class WebSocketEndpoint:
    """The same for a WebSocket, whose handler accepts or refuses it."""

    def __init__(self, handler: WebSocketHandler) -> None:
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._handler(WebSocket(scope, receive, send))


async def nothing_there(scope: Scope, receive: Receive, send: Send) -> None:
    """The answer where no route is: 404, in the form of all other errors; no WebSocket opens."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1000, "reason": ""})
    else:
        await JSONResponse({"error": "Not Found"}, 404)(scope, receive, send)
