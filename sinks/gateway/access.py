"""Who may subscribe: bearer tokens, and web pages of this origin or of an allowed one (pure)."""

import hmac
from collections.abc import Iterable, Mapping, Set
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
        # All are compared, so that the time taken shows nothing about which one it was.
        found = [hmac.compare_digest(given, known) for known in self._tokens]
        if scheme.lower() != "bearer" or not any(found):
            raise NotAllowed(
                "a valid token is missing: Authorization: Bearer TOKEN",
                status=401,
                reason="unauthorized",
            )


def check_origin(headers: Mapping[str, str], allowed: Set[str] = frozenset()) -> None:
    """Raises NotAllowed for a page of another origin that is not in `allowed` (origins.origin_in).

    Browsers let a page open a WebSocket to any host, and only `Origin` names the page: one of
    another site could read what its visitor can reach. They open an event stream for it too, but do
    not let it read. Programs send no Origin.
    """
    origin = headers.get("origin")
    if origin is None or origin in allowed or _is_own(origin, headers.get("host", "")):
        return
    raise NotAllowed(
        "a page of another origin, which gateway.allowed_origins does not name",
        status=403,
        reason="origin",
    )


def _is_own(origin: str, host: str) -> bool:
    """Whether the page is of the host that is asked; a proxy may have taken its TLS off."""
    try:
        page = urlsplit(origin)
    except ValueError:
        return False
    return page.scheme in ("http", "https") and page.netloc.lower() == host.lower() != ""
