"""The HTTP interface: routes, checks of a request, and its answer."""

import math
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from schemas.codec import encode
from sinks.gateway.access.origins import cors_headers, is_preflight, preflight_headers
from sinks.gateway.api.call import Operation
from sinks.gateway.api.openapi import document
from sinks.gateway.api.operations import OPERATIONS
from sinks.gateway.api.serving import in_text, respond
from sinks.gateway.board_routes import board_routes
from sinks.gateway.errors import Refused, TooMany, UnknownUser
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import aor_in, cursor_of, has_field, watch_of
from sinks.gateway.request_checks import (
    address_of,
    check_page,
    client_of,
    identify,
    identify_stream,
)
from sinks.gateway.ticket_route import ticket
from sinks.gateway.transports import EVENT_STREAM, EventStream, serve_web_socket
from sinks.gateway.view import View, fields_of

Handler = Callable[[Request], Awaitable[Response]]

_METHODS = ("GET", "OPTIONS")
_ALLOW = "GET, HEAD"
_ANY = ("*/*", "text/*", EVENT_STREAM)


def app(gateway: Gateway) -> Starlette:
    """The ASGI application of one gateway."""

    async def stream(request: Request) -> Response:
        try:
            asked = await identify_stream(gateway, request)
            watch = asked.identity.scope.narrowed(watch_of(asked.query, gateway.watched_max))
            view = View(asked.identity.scope.parts, fields_of(asked.query))
            if not any(kind in request.headers.get("accept", "*/*") for kind in _ANY):
                return JSONResponse({"error": f"there is only {EVENT_STREAM}"}, status_code=406)
            cursor = cursor_of(asked.query, request.headers)
            gateway.check_state()
            await gateway.reach(cursor)
            gateway.admit(asked.identity, watch)
        except Refused as refusal:
            return _answer(gateway, request, refusal)
        only_cursors = has_field(asked.query, "cursor")
        return EventStream(gateway, watch, asked.identity, view, cursor, only_cursors=only_cursors)

    async def web_socket(websocket: WebSocket) -> None:
        try:
            asked = await identify_stream(gateway, websocket)
            watch = asked.identity.scope.narrowed(watch_of(asked.query, gateway.watched_max))
            view = View(asked.identity.scope.parts, fields_of(asked.query))
            cursor = cursor_of(asked.query, websocket.headers)
            gateway.check_state()
            await gateway.reach(cursor)
            gateway.admit(asked.identity, watch)
        except Refused as refusal:
            await websocket.send_denial_response(_answer(gateway, websocket, refusal))
            return
        await serve_web_socket(gateway, watch, asked.identity, view, cursor, websocket)

    async def new_ticket(request: Request) -> Response:
        try:
            return await ticket(gateway, request)
        except Refused as refusal:
            return _answer(gateway, request, refusal)

    async def user(request: Request) -> Response:
        try:
            identity = await identify(gateway, request)
            aor = aor_in(request.path_params["aor"])
            gateway.check_state()
            # A user outside the scope and one that does not exist look the same.
            message = gateway.hub.get(aor) if identity.scope.allows(aor) else None
            if message is None:
                raise UnknownUser(f"no presence of {aor}")
        except Refused as refusal:
            return _answer(gateway, request, refusal)
        headers = {"cache-control": "no-store"}
        value = identity.scope.redact(message).value
        return Response(value, media_type="application/json", headers=headers)

    described = encode(document())

    async def openapi(request: Request) -> Response:
        del request
        return Response(described, media_type="application/json")

    def rest(operation: Operation) -> Handler:
        """The handler of one operation of `/v1`."""

        async def serve(request: Request) -> Response:
            try:
                identity = await identify(gateway, request)
                return await respond(operation, gateway, identity, request)
            except Refused as refusal:
                return in_text(operation, request, _answer(gateway, request, refusal))

        return serve

    def shared(handler: Handler, allow: str = _ALLOW) -> Handler:
        """The handler for pages of allowed origins too: preflights, and CORS headers.

        `allow`: the methods there are.
        """

        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                response = _preflight(gateway, request, allow)
            else:
                response = await handler(request)
            shared_with = cors_headers(
                request.headers, gateway.allowed_origins, cookies=gateway.access.uses_cookies
            )
            for name, value in shared_with.items():
                if name == "vary":
                    response.headers.add_vary_header(value)
                else:
                    response.headers[name] = value
            response.headers.setdefault("x-content-type-options", "nosniff")
            return response

        return answer

    return Starlette(
        routes=[
            Route("/presence", shared(stream), methods=_METHODS),
            WebSocketRoute("/presence", web_socket),
            WebSocketRoute("/presence/ws", web_socket),
            Route("/openapi.json", shared(openapi), methods=_METHODS),
            Route("/v1/tickets", shared(new_ticket, "POST"), methods=("POST", "OPTIONS")),
            Route("/presence/{aor:path}", shared(user), methods=_METHODS),
            *board_routes(gateway, partial(_answer, gateway)),
            *[
                Route(one.route, shared(rest(one), one.allow), methods=(one.method, "OPTIONS"))
                for one in OPERATIONS
            ],
        ],
        exception_handlers={HTTPException: _no_route},
    )


async def _no_route(request: Request, error: Exception) -> Response:
    """The router's 404 and 405, in the form of all other errors."""
    del request
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


def _preflight(gateway: Gateway, request: Request, allow: str) -> Response:
    """A browser asks for a page. It sends no token yet: only the request itself has it."""
    if not is_preflight(request.headers):
        return Response(status_code=405, headers={"allow": allow})
    try:
        check_page(gateway, request)
    except Refused as refusal:
        return _answer(gateway, request, refusal)
    return Response(status_code=204, headers=preflight_headers())


def _answer(gateway: Gateway, connection: HTTPConnection, refusal: Refused) -> JSONResponse:
    """The error as JSON: what is wrong, and the field at fault."""
    gateway.refuse(refusal, address_of(gateway, connection), client_of(connection))
    content = {"error": str(refusal)}
    if refusal.field is not None:
        content["field"] = refusal.field
    headers = {}
    if refusal.status == 401:
        invalid = ', error="invalid_token"' if refusal.reason == "expired" else ""
        headers["www-authenticate"] = f'Bearer realm="rollcall"{invalid}'
    elif isinstance(refusal, TooMany):
        headers["retry-after"] = str(math.ceil(refusal.retry_after))
    elif refusal.status == 503:
        headers["retry-after"] = "2"
    return JSONResponse(content, status_code=refusal.status, headers=headers)
