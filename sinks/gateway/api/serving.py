"""From an operation to an HTTP handler: checks the request, asks, and answers with an ETag."""

from contextlib import suppress

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response

from sinks.gateway.access.identity import Identity
from sinks.gateway.api.call import JSON, TEXT, Call, Operation, Parameters
from sinks.gateway.api.negotiation import etag, is_known, negotiated
from sinks.gateway.api.parameters import checked, from_body, from_query
from sinks.gateway.errors import BadQuery, NotAcceptable, TooLarge, UnsupportedType
from sinks.gateway.gateway import Gateway

# A thousand AORs of the greatest length, and room.
BODY_BYTES_MAX = 1024 * 1024


async def respond(
    operation: Operation, gateway: Gateway, identity: Identity, request: Request
) -> Response:
    """The response to a request of this identity. Raises Refused."""
    path = checked(operation.path_parameters, dict(request.path_params))
    query = from_query(operation.query, request.scope["query_string"])
    media_type = negotiated(request.headers.get("accept"), tuple(operation.answers))
    body = await _body(operation, request)
    gateway.check_state()
    answer = await operation.handler(Call(gateway, identity, path, query, body, media_type))
    tag = etag(answer.body, answer.media_type)
    headers = {
        # Kept by the client only, and asked for again each time (RFC 9111 §5.2.2).
        "cache-control": "private, no-cache",
        "etag": tag,
        "vary": "Accept, Authorization",
        "x-content-type-options": "nosniff",
    }
    if (
        answer.status == 200
        and operation.method == "GET"
        and is_known(request.headers.get("if-none-match"), tag)
    ):
        return Response(status_code=304, headers=headers)
    return Response(answer.body, answer.status, headers, answer.media_type)


async def _body(operation: Operation, request: Request) -> Parameters | None:
    """Raises BadQuery, TooLarge, UnsupportedType."""
    if operation.body is None:
        return None
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != JSON:
        raise UnsupportedType(f"the body has to be {JSON}", "content-type")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > BODY_BYTES_MAX:
                raise TooLarge(f"the body exceeds {BODY_BYTES_MAX} bytes", "body")
    except ClientDisconnect as error:  # no answer reaches it
        raise BadQuery("the request was not completed", "body") from error
    if not body:
        raise BadQuery("the body is empty", "body")
    return from_body(operation.body, bytes(body))


def in_text(operation: Operation, request: Request, error: Response) -> Response:
    """The response to a request that was refused: as text where that was asked for."""
    wants_text = False
    with suppress(NotAcceptable):
        wants_text = negotiated(request.headers.get("accept"), tuple(operation.answers)) == TEXT
    if operation.text_error is None or not wants_text:
        return error
    kept = {
        name: value
        for name, value in error.headers.items()
        if name in ("retry-after", "www-authenticate")
    }
    return PlainTextResponse(operation.text_error, error.status_code, kept)
