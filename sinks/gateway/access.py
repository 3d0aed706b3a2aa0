"""Who may subscribe: bearer tokens, and no web page of another origin (pure)."""

import hmac
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr

from sinks.gateway.errors import NotAllowed


class Access:
    """The tokens that open the gateway; with none it is open."""

    def __init__(self, tokens: Iterable[SecretStr]) -> None:
        self._tokens = [token.get_secret_value().encode() for token in tokens]

    @property
    def is_open(self) -> bool:
        return not self._tokens

    def check(self, headers: Mapping[str, str]) -> None:
        """Raises NotAllowed. `headers` finds a name in lower case."""
        if self.is_open:
            return
        scheme, _, token = headers.get("authorization", "").partition(" ")
        given = token.strip().encode("utf-8", "replace")
        # All are compared, so that the time tells nothing of which.
        found = [hmac.compare_digest(given, known) for known in self._tokens]
        if scheme.lower() != "bearer" or not any(found):
            raise NotAllowed(
                "a valid token is missing: Authorization: Bearer TOKEN",
                status=401,
                reason="unauthorized",
            )


def check_origin(headers: Mapping[str, str]) -> None:
    """Of a WebSocket. Raises NotAllowed.

    Browsers let a page open one to any host and say only by `Origin` which page it is: one of
    elsewhere could read what its visitor can reach. Of event streams they do not let it read.
    """
    origin = headers.get("origin")
    if origin is not None and _host(origin) != headers.get("host", "").lower():
        raise NotAllowed("a page of another origin", status=403, reason="origin")


def _host(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return None
