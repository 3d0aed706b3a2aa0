"""The answers of the HTTP interface that no handler makes: refusals, preflights, CORS headers."""

import math

from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response

from sinks.gateway.access.origins import cors_headers, is_preflight, preflight_headers
from sinks.gateway.endpoint import Handler
from sinks.gateway.errors import Refused, TooMany
from sinks.gateway.gateway import Gateway
from sinks.gateway.request_checks import address_of, check_page, client_of

_READS = "GET, HEAD"
_NOSNIFF = (b"x-content-type-options", b"nosniff")


class Answers:
    """Those of one gateway."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def refusal(self, connection: HTTPConnection, refusal: Refused) -> JSONResponse:
        """The error as JSON: what is wrong, and the field at fault. Counts and logs it."""
        gateway = self._gateway
        gateway.refusals.refuse(refusal, address_of(gateway, connection), client_of(connection))
        content = {"error": str(refusal)}
        if refusal.field is not None:
            content["field"] = refusal.field
        return JSONResponse(content, status_code=refusal.status, headers=_headers(refusal))

    def refusing(self, handler: Handler) -> Handler:
        """The handler, with the answer to what it refuses."""

        async def answer(request: Request) -> Response:
            try:
                return await handler(request)
            except Refused as refusal:
                return self.refusal(request, refusal)

        return answer

    def shared(self, handler: Handler, allow: str = _READS) -> Handler:
        """The handler for pages of allowed origins too: preflights, and CORS headers.

        `allow`: the methods there are.
        """
        gateway = self._gateway

        async def answer(request: Request) -> Response:
            if request.method == "OPTIONS":
                response = self._preflight(request, allow)
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
            if not any(name == _NOSNIFF[0] for name, _ in response.raw_headers):
                response.raw_headers.append(_NOSNIFF)
            return response

        return answer

    def _preflight(self, request: Request, allow: str) -> Response:
        """A browser asks for a page. It sends no token yet: only the request itself has it."""
        if not is_preflight(request.headers):
            return Response(status_code=405, headers={"allow": allow})
        try:
            check_page(self._gateway, request)
        except Refused as refusal:
            return self.refusal(request, refusal)
        return Response(status_code=204, headers=preflight_headers())


def _headers(refusal: Refused) -> dict[str, str]:
    if refusal.status == 401:
        invalid = ', error="invalid_token"' if refusal.reason == "expired" else ""
        return {"www-authenticate": f'Bearer realm="rollcall"{invalid}'}
    if isinstance(refusal, TooMany):
        return {"retry-after": str(math.ceil(refusal.retry_after))}
    return {"retry-after": "2"} if refusal.status == 503 else {}
