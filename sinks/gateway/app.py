"""The HTTP interface: who asks for what, and what they are answered."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from sinks.gateway.access import check_origin
from sinks.gateway.errors import Refused, UnknownUser
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import aor_in, watch_of
from sinks.gateway.transports import EVENT_STREAM, EventStream, serve_web_socket

_ANY = ("*/*", "text/*", EVENT_STREAM)


def app(gateway: Gateway) -> Starlette:
    """The ASGI application of one gateway."""

    async def stream(request: Request) -> Response:
        try:
            gateway.access.check(request.headers)
            watch = watch_of(request.scope["query_string"])
            if not any(kind in request.headers.get("accept", "*/*") for kind in _ANY):
                return JSONResponse({"error": f"there is only {EVENT_STREAM}"}, status_code=406)
            gateway.admit()
        except Refused as refusal:
            return _answer(gateway, refusal)
        return EventStream(gateway, watch)

    async def web_socket(websocket: WebSocket) -> None:
        try:
            gateway.access.check(websocket.headers)
            check_origin(websocket.headers)
            watch = watch_of(websocket.scope["query_string"])
            gateway.admit()
        except Refused as refusal:
            await websocket.send_denial_response(_answer(gateway, refusal))
            return
        await serve_web_socket(gateway, watch, websocket)

    async def user(request: Request) -> Response:
        try:
            gateway.access.check(request.headers)
            aor = aor_in(request.path_params["aor"])
            gateway.check_state()
            if (message := gateway.hub.get(aor)) is None:
                raise UnknownUser(f"no presence of {aor}")
        except Refused as refusal:
            return _answer(gateway, refusal)
        headers = {"cache-control": "no-store"}
        return Response(message.value, media_type="application/json", headers=headers)

    return Starlette(
        routes=[
            Route("/presence", stream),
            WebSocketRoute("/presence", web_socket),
            WebSocketRoute("/presence/ws", web_socket),
            Route("/presence/{aor:path}", user),
        ]
    )


def _answer(gateway: Gateway, refusal: Refused) -> JSONResponse:
    """What is wrong, in words and by the field at fault."""
    gateway.refuse(refusal)
    content = {"error": str(refusal)}
    if refusal.field is not None:
        content["field"] = refusal.field
    headers = {}
    if refusal.status == 401:
        headers["www-authenticate"] = "Bearer"
    elif refusal.status == 503:
        headers["retry-after"] = "2"
    return JSONResponse(content, status_code=refusal.status, headers=headers)
