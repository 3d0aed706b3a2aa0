"""The HTTP interface of one gateway, put together from the modules with its routes."""

from collections.abc import Awaitable, Iterator, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from schemas.codec import encode
from sinks.gateway.answers import Answers
from sinks.gateway.api.call import Operation
from sinks.gateway.api.openapi import document
from sinks.gateway.api.operations import OPERATIONS
from sinks.gateway.api.serving import in_text, respond
from sinks.gateway.board_routes import board_routes
from sinks.gateway.endpoint import Endpoint, Handler, nothing_there
from sinks.gateway.errors import Refused
from sinks.gateway.gateway import Gateway
from sinks.gateway.presence_routes import STREAMS, presence_routes, streams
from sinks.gateway.request_checks import identify
from sinks.gateway.ticket_route import ticket

_READS = ("GET", "OPTIONS")


def app(gateway: Gateway) -> ASGIApp:
    """The ASGI application: streams, and a bare router (see Endpoint) for the rest.

    A router is three coroutines, which would stay with each of ten thousand subscribers.
    """
    answers = Answers(gateway)
    shared = answers.shared
    tickets = shared(answers.refusing(partial(ticket, gateway)), "POST")
    to_streams = streams(gateway, answers)
    router = Router(
        [
            *presence_routes(gateway, answers),
            Route("/openapi.json", Endpoint(shared(_openapi()), *_READS)),
            Route("/v1/tickets", Endpoint(tickets, "POST", "OPTIONS")),
            *board_routes(gateway, answers.refusal),
            *_rest_routes(gateway, answers),
        ],
        default=nothing_there,
    )

    def serve(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_stream = scope["type"] == "http" and scope["path"] == STREAMS
        return (to_streams if is_stream else router)(scope, receive, send)

    return serve


def _openapi() -> Handler:
    described = encode(document())

    async def serve(request: Request) -> Response:
        del request
        return Response(described, media_type="application/json")

    return serve


def _rest_routes(gateway: Gateway, answers: Answers) -> Iterator[Route]:
    """One route a path of `/v1`, with all its methods."""
    by_path: dict[str, dict[str, Operation]] = {}
    for one in OPERATIONS:
        by_path.setdefault(one.route, {})[one.method] = one
    for path, operations in by_path.items():
        allow = ", ".join(one.allow for one in operations.values())
        handler = answers.shared(_rest(gateway, answers, operations), allow)
        yield Route(path, Endpoint(handler, *operations, "OPTIONS"))


def _rest(gateway: Gateway, answers: Answers, operations: Mapping[str, Operation]) -> Handler:
    """The handler of a path's operations, by method. Errors are in the form each answers in."""

    async def serve(request: Request) -> Response:
        operation = operations["GET" if request.method == "HEAD" else request.method]
        try:
            identity = await identify(gateway, request)
            return await respond(operation, gateway, identity, request)
        except Refused as refusal:
            return in_text(operation, request, answers.refusal(request, refusal))

    return serve
