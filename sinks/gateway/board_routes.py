"""The board's addresses: the page at `/`, its files, and the WebSocket that feeds it."""

import asyncio
from collections.abc import Callable

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from schemas.codec import InvalidRecord
from sinks.gateway.access.identity import Identity
from sinks.gateway.board.assets import INDEX, assets
from sinks.gateway.board.feed import BoardFeed
from sinks.gateway.board.request import request_in
from sinks.gateway.endpoint import Endpoint, WebSocketEndpoint
from sinks.gateway.errors import Refused, TryElsewhere
from sinks.gateway.feed import End
from sinks.gateway.gateway import Gateway
from sinks.gateway.request_checks import identify, identify_stream
from sinks.gateway.transports import TOKEN_EXPIRED

_GOING_AWAY, _INVALID = 1001, 1008
# Each page may have a list of its own, which costs memory, and time with each change.
PAGES_MAX = 200


def board_routes(
    gateway: Gateway, answer: Callable[[HTTPConnection, Refused], Response]
) -> list[BaseRoute]:
    """The routes. `answer` makes a response of a refusal of a request."""
    files = assets()

    async def file(request: Request) -> Response:
        asset = files.get(request.path_params.get("name", INDEX))
        if asset is None:
            return JSONResponse({"error": "no such file of the board"}, status_code=404)
        if request.headers.get("if-none-match") == asset.etag:
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.body, headers=asset.headers)

    async def session(request: Request) -> Response:
        """Whether the page may open its feed: a refused WebSocket shows a page no reason."""
        try:
            identity = await identify(gateway, request)
            _admit(gateway, identity)
        except Refused as refusal:
            return answer(request, refusal)
        headers = {"cache-control": "no-store"}
        return JSONResponse({"client": identity.client}, headers=headers)

    async def feed(websocket: WebSocket) -> None:
        try:
            asked = await identify_stream(gateway, websocket)
            _admit(gateway, asked.identity)
        except Refused as refusal:
            await websocket.send_denial_response(answer(websocket, refusal))
            return
        await _serve(gateway, asked.identity, websocket)

    return [
        Route("/", Endpoint(file, "GET")),
        Route("/board/session", Endpoint(session, "GET")),
        Route("/board/{name}", Endpoint(file, "GET")),
        WebSocketRoute("/board/feed", WebSocketEndpoint(feed)),
    ]


def _admit(gateway: Gateway, identity: Identity) -> None:
    """Return when another page may be fed. Raises TryElsewhere, TooMany."""
    gateway.admit(identity)
    if len(gateway.board.listeners) >= PAGES_MAX:
        raise TryElsewhere(f"{PAGES_MAX} boards are open here already", reason="full")


async def _serve(gateway: Gateway, identity: Identity, websocket: WebSocket) -> None:
    await websocket.accept()
    feed = BoardFeed(
        gateway.board,
        identity.scope,
        websocket.send_text,
        client=websocket.scope.get("client"),
        expires_at=identity.expires_at,
    )
    asking = asyncio.create_task(_take_requests(websocket, feed))
    try:
        match await gateway.run(feed, "board", identity):
            case End.STOPPING:
                await websocket.close(_GOING_AWAY, "stopping")
            case End.EXPIRED:
                await websocket.close(TOKEN_EXPIRED, "token expired")
    except (WebSocketDisconnect, RuntimeError):
        # RuntimeError: the connection is closed already, and that has not been received here yet.
        return
    finally:
        asking.cancel()


async def _take_requests(websocket: WebSocket, feed: BoardFeed) -> None:
    """Give the page's requests to its feed, until it disconnects or sends what is none."""
    while (event := await websocket.receive())["type"] != "websocket.disconnect":
        try:
            feed.ask(request_in(event.get("text") or ""))
        except InvalidRecord as error:
            await websocket.close(_INVALID, str(error)[:120])
            break
    feed.end(End.GONE)
