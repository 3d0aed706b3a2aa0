"""The management interface over HTTP: one command, one answer. Kamailio's jsonrpcs is the same."""

import json
import time
from typing import Any, Protocol

import httpx

from producers.http_answers import read_body
from producers.sip_proxy.errors import ListingUnreadable, MiUnreachable, refusal

MAX_REPLY = 512 * 2**20


class Mi(Protocol):
    """A client of the management interface."""

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """The decoded result, or 2.4's text. Raises MiError."""


class HttpMi:
    """mi_http (3.x, JSON-RPC) or mi_json (2.4, one path a command)."""

    def __init__(self, url: str, dialect: str, timeout: float) -> None:
        self._url = url.rstrip("/")
        self._dialect = dialect
        self._timeout = timeout
        # Kamailio closes after each answer (set_reply_close) without announcing it: the next
        # command over that connection would be lost.
        limits = httpx.Limits(max_keepalive_connections=0)
        self._client = httpx.Client(timeout=timeout, trust_env=False, limits=limits)

    def call(self, command: str, parameters: dict[str, str] | None = None) -> Any:
        """Raises MiUnreachable, MiRefused, ListingUnreadable."""
        deadline = time.monotonic() + self._timeout
        try:
            with self._client.stream(**self._request(command, parameters)) as answer:
                body = read_body(answer, MAX_REPLY, deadline)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise MiUnreachable(f"{self._url}: {type(error).__name__} {error}") from error
        if not answer.is_success:
            text = body[:100].decode("utf-8", "replace")
            raise refusal(f"{command}: HTTP {answer.status_code} {text}")
        decoded = decode_json(body)
        return decoded if self._dialect == "2.4" else result(command, decoded)

    def _request(self, command: str, parameters: dict[str, str] | None) -> dict[str, Any]:
        if self._dialect == "2.4":
            query = {"params": ",".join(parameters.values())} if parameters else None
            return {"method": "GET", "url": f"{self._url}/{command}", "params": query}
        return {"method": "POST", "url": self._url, "json": request(command, parameters)}


def decode_json(data: bytes) -> Any:
    """A reply's JSON. Raises ListingUnreadable."""
    try:
        return json.loads(data.decode("utf-8", "surrogateescape"), strict=False)
    except (ValueError, RecursionError) as error:
        raise ListingUnreadable(f"not JSON: {data[:80]!r}") from error


def request(command: str, parameters: dict[str, str] | None) -> dict[str, Any]:
    """The JSON-RPC request of a command."""
    message: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": command}
    if parameters:
        message["params"] = parameters
    return message


def result(command: str, reply: Any) -> Any:
    """The result in a JSON-RPC reply. Raises MiRefused."""
    if not isinstance(reply, dict) or "result" not in reply:
        error = reply.get("error") if isinstance(reply, dict) else None
        message = error.get("message") if isinstance(error, dict) else None
        raise refusal(f"{command}: {message or 'no result in the answer'}"[:200])
    return reply["result"]
