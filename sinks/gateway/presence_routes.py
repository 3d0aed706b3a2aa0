"""The addresses under `/presence`: streams of records, and one user's record."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket

from sinks.gateway.answers import Answers
from sinks.gateway.endpoint import Endpoint, WebSocketEndpoint
from sinks.gateway.errors import Refused, UnknownUser
from sinks.gateway.gateway import Gateway
from sinks.gateway.query import aor_in
from sinks.gateway.request_checks import identify
from sinks.gateway.subscription import subscription_of
from sinks.gateway.transports import EVENT_STREAM, EventStream, serve_web_socket

STREAMS = "/presence"
_METHODS = ("GET", "OPTIONS")
_ANY = ("*/*", "text/*", EVENT_STREAM)


def streams(gateway: Gateway, answers: Answers) -> Endpoint:
    """What serves STREAMS: an event stream each."""

    async def stream(request: Request) -> Response:
        subscription = await subscription_of(gateway, request)
        if not any(kind in request.headers.get("accept", "*/*") for kind in _ANY):
            return JSONResponse({"error": f"there is only {EVENT_STREAM}"}, status_code=406)
        return EventStream(gateway, subscription)

    return Endpoint(answers.shared(answers.refusing(stream)), *_METHODS)


def presence_routes(gateway: Gateway, answers: Answers) -> list[BaseRoute]:
    """The other routes; the last takes every other path below `/presence/` as an AOR."""

    async def web_socket(websocket: WebSocket) -> None:
        try:
            subscription = await subscription_of(gateway, websocket)
        except Refused as refusal:
            await websocket.send_denial_response(answers.refusal(websocket, refusal))
            return
        await serve_web_socket(gateway, subscription, websocket)

    async def user(request: Request) -> Response:
        identity = await identify(gateway, request)
        aor = aor_in(request.path_params["aor"])
        gateway.check_state()
        # A user outside the scope and one that does not exist look the same.
        message = gateway.hub.get(aor) if identity.scope.allows(aor) else None
        if message is None:
            raise UnknownUser(f"no presence of {aor}")
        headers = {"cache-control": "no-store"}
        value = identity.scope.redact(message).value
        return Response(value, media_type="application/json", headers=headers)

    one_user = answers.shared(answers.refusing(user))
    return [
        WebSocketRoute(STREAMS, WebSocketEndpoint(web_socket)),
        WebSocketRoute("/presence/ws", WebSocketEndpoint(web_socket)),
        Route("/presence/{aor:path}", Endpoint(one_user, *_METHODS)),
    ]
