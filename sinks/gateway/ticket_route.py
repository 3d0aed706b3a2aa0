"""POST /v1/tickets: a one-time ticket for a browser's stream."""

from datetime import UTC, datetime

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse

from sinks.gateway.access.ticket_request import BODY_BYTES_MAX, asked_of
from sinks.gateway.access.tickets import TooManyTickets
from sinks.gateway.errors import BadQuery, TooLarge, TooMany
from sinks.gateway.gateway import Gateway
from sinks.gateway.request_checks import identify


async def ticket(gateway: Gateway, request: Request) -> JSONResponse:
    """201 with the ticket. Raises Refused."""
    identity = await identify(gateway, request)
    identity = asked_of(identity, await _body(request))
    now = gateway.wall_now()
    try:
        text, expires_at = gateway.access.tickets.issue(identity, now)
    except TooManyTickets as error:
        raise TooMany(str(error), reason="tickets", retry_after=2) from error
    content = {
        "ticket": text,
        "expires_at": datetime.fromtimestamp(expires_at, UTC).isoformat(),
        "expires_in": expires_at - now,
    }
    return JSONResponse(content, status_code=201, headers={"cache-control": "no-store"})


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > BODY_BYTES_MAX:
                raise TooLarge(f"the body exceeds {BODY_BYTES_MAX} bytes", "body")
    except ClientDisconnect as error:
        raise BadQuery("body: not complete", "body") from error
    return bytes(body)
