"""The reference user center's HTTP interface: takes presence records, answers queries of users."""

import hmac
from collections.abc import Mapping
from typing import Any

from sqlalchemy.exc import OperationalError
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from local.reference_user_center.batch import BadEvent, NotABatch, TooManyEvents, changes
from local.reference_user_center.openapi import MEDIA_TYPE, PAGE_MAX, document
from local.reference_user_center.store import Store
from schemas.vocabulary import Status

_PAGE = 100


def app(
    store: Store,
    secret: str,
    *,
    body_max_bytes: int,
    events_max: int,
    token: str | None = None,
) -> Starlette:
    """The ASGI application over a store. `secret` is shared with the sink; `token` is what lists of
    users need, None: they are refused."""
    service = _Service(store, Webhook(secret), body_max_bytes, events_max, token)
    return Starlette(
        routes=[
            Route("/presence", service.presence, methods=["POST"]),
            Route("/users/{aor:path}", service.user),
            Route("/users", service.users),
            Route("/healthz", service.healthz),
            Route("/openapi.json", service.openapi),
        ],
        exception_handlers={
            OperationalError: _database_unavailable,
            ClientDisconnect: _sender_disconnected,
            HTTPException: _no_route,
        },
    )


class _Service:
    def __init__(
        self,
        store: Store,
        webhook: Webhook,
        body_max_bytes: int,
        events_max: int,
        token: str | None,
    ) -> None:
        self._store = store
        self._webhook = webhook
        self._body_max_bytes = body_max_bytes
        self._events_max = events_max
        self._token = token.encode() if token is not None else None

    async def presence(self, request: Request) -> Response:
        """200 {received, applied}; or an error {error, index, field}, without any effect."""
        media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if media_type != MEDIA_TYPE:
            return _error(415, f"content-type is not {MEDIA_TYPE}")
        body = await self._body(request)
        if body is None:
            return _error(413, f"body exceeds {self._body_max_bytes} bytes")
        # The body is parsed only once its sender is verified.
        if not verified(self._webhook, body, request.headers):
            return _error(401, "signature missing, wrong, or its timestamp too far from now")
        return await run_in_threadpool(self._take, body)

    def _take(self, body: bytes) -> Response:
        try:
            received = changes(body, self._events_max)
        except NotABatch as error:
            return _error(400, str(error))
        except TooManyEvents as error:
            return _error(413, str(error))
        except BadEvent as error:
            return _error(422, error.reason, index=error.index, field=error.field)
        applied = self._store.apply(received)
        return JSONResponse({"received": len(received), "applied": applied})

    async def _body(self, request: Request) -> bytes | None:
        """The whole body; None as soon as it exceeds the limit."""
        declared = request.headers.get("content-length", "0")
        if _number(declared) > self._body_max_bytes:
            return None
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > self._body_max_bytes:
                return None
        return bytes(body)

    def user(self, request: Request) -> Response:
        """200 with one user's state, 404 if unknown."""
        aor = request.path_params["aor"]
        found = None if "\0" in aor else self._store.user(aor)
        return _error(404, "unknown user") if found is None else JSONResponse(found)

    def users(self, request: Request) -> Response:
        """200 {users, next}: a page by AOR; `next` is the `after` of the following page or null.

        401 without the token, 403 where none is set: who asks for one user knows its AOR already,
        a list names everybody.
        """
        if self._token is None:
            return _error(403, "users are listed only with reference_user_center.token set")
        if not hmac.compare_digest(_bearer(request), self._token):
            response = _error(401, "a valid token is missing: Authorization: Bearer TOKEN")
            response.headers["www-authenticate"] = "Bearer"
            return response
        try:
            query = _query(request.query_params)
        except ValueError as error:
            return _error(400, str(error))
        page = self._store.users(**query)
        more = len(page) == query["limit"]
        return JSONResponse({"users": page, "next": page[-1]["aor"] if more else None})

    def openapi(self, request: Request) -> Response:
        del request
        return JSONResponse(document())

    def healthz(self, request: Request) -> Response:
        del request
        return JSONResponse({"service": "reference-user-center"})


def verified(webhook: Webhook, body: bytes, headers: Mapping[str, str]) -> bool:
    """Whether a body has a valid signature of the last five minutes (Standard Webhooks)."""
    try:
        webhook.verify(body, dict(headers), json_parse=False)
    except (
        WebhookVerificationError,
        ValueError,
    ):  # ValueError: malformed headers
        return False
    return True


def _bearer(request: Request) -> bytes:
    """The token of a request, empty where it has none."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip().encode("utf-8", "replace") if scheme.lower() == "bearer" else b""


def _query(parameters: Mapping[str, str]) -> dict[str, Any]:
    status = parameters.get("status")
    if status is not None and status not in set(Status):
        raise ValueError(f"status is none of {', '.join(Status)}")
    reachable = parameters.get("reachable")
    if reachable not in (None, "true", "false"):
        raise ValueError("reachable is neither true nor false")
    limit = _number(parameters.get("limit", str(_PAGE)))
    if not 1 <= limit <= PAGE_MAX:
        raise ValueError(f"limit is not 1-{PAGE_MAX}")
    after = parameters.get("after")
    if after is not None and "\0" in after:
        raise ValueError("after holds a NUL character")
    return {
        "status": status,
        "reachable": None if reachable is None else reachable == "true",
        "after": after,
        "limit": limit,
    }


def _number(text: str) -> int:
    """The number in a text of up to 18 digits; -1 where it is none."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else -1


def _error(status: int, reason: str, **details: object) -> Response:
    return JSONResponse({"error": reason, **details}, status_code=status)


async def _database_unavailable(request: Request, error: Exception) -> Response:
    """503 while the database is unavailable: the sender is to retry."""
    del request, error
    response = _error(503, "database not available")
    response.headers["retry-after"] = "1"
    return response


async def _no_route(request: Request, error: Exception) -> Response:
    """The router's 404 and 405, in the form of all other errors."""
    del request
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def _sender_disconnected(request: Request, error: Exception) -> Response:
    """The sender closed the connection: no answer reaches it, and no error is logged."""
    del request, error
    return _error(400, "request not completed")
