"""Pages of other origins that may subscribe: their origins, and the CORS headers (pure).

An origin is compared as browsers send it (RFC 6454 §6.2; Fetch standard, CORS protocol): whole,
never by a pattern. Apps in a web view have schemes of their own (`capacitor://localhost`), pages
from a file the origin `file://` or `null`.
"""

import re
from collections.abc import Mapping, Set
from urllib.parse import urlsplit

from sinks.gateway.errors import NotAllowed

# Sent by pages from files, and by every sandboxed frame, whatever its page.
OPAQUE = "null"
_FILE = "file://"
_is_scheme = re.compile(r"[a-z][a-z0-9+.-]*").fullmatch
_is_host = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?|\[[0-9a-f:.]+\]").fullmatch
# In schemes that browsers do not know, they keep the host as it is written.
_is_app_host = re.compile(r"[A-Za-z0-9_.-]+").fullmatch
_PORTS = {"http": "80", "https": "443"}

# Headers a page may set and read besides those that all pages may.
_ALLOWED_HEADERS = "Authorization, Cache-Control, Content-Type, If-None-Match, Last-Event-ID"
_EXPOSED_HEADERS = "ETag, Retry-After, WWW-Authenticate"
_PREFLIGHT_SECONDS = "600"


def origin_in(text: str) -> str:
    """An origin as browsers send it: scheme and host in lower case, no default port.

    Raises ValueError with what is wrong: no scheme, a wildcard, a path, no host, a wrong port.
    """
    if text in (OPAQUE, _FILE):
        return text
    if "*" in text:
        raise ValueError("a wildcard is no origin: name each origin")
    scheme, separator, place = text.partition("://")
    scheme = scheme.lower()
    if not separator or not _is_scheme(scheme):
        raise ValueError("it has no scheme, as https://portal.example.org or capacitor://localhost")
    if scheme in ("ws", "wss"):
        raise ValueError("a page's origin is http or https, also of its WebSockets")
    if re.search(r"[/?#]", place):
        raise ValueError("an origin ends with host or port: no path, query or fragment")
    if scheme not in _PORTS:
        if not _is_app_host(place.rpartition(":")[0] or place):
            raise ValueError("it has no host")
        return f"{scheme}://{place}"
    host, port = _host_and_port(place.lower())
    if not _is_host(host):
        raise ValueError("it has no host, or not one that browsers send (IDNs as xn--…)")
    if port is None or port == _PORTS[scheme]:
        return f"{scheme}://{host}"
    if not port.isascii() or not port.isdigit() or not 0 < int(port[:6]) < 65536:
        raise ValueError("its port is not 1-65535")
    return f"{scheme}://{host}:{int(port)}"


def _host_and_port(place: str) -> tuple[str, str | None]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):  # an IPv6 address alone
        return place, None
    return host, port


def cors_headers(
    headers: Mapping[str, str], allowed: Set[str], *, cookies: bool = False
) -> dict[str, str]:
    """The headers with which a page of an allowed origin may read the answer.

    They name the origin itself, never `*`, and a cache must not use the answer for another origin
    (`Vary`). Empty where no origin is allowed. `cookies`: the page may have its cookie sent, except
    one of the origin `null`, which any page can have.
    """
    if not allowed:
        return {}
    found = {"vary": "Origin"}
    if (origin := headers.get("origin")) in allowed:
        found["access-control-allow-origin"] = origin or ""
        found["access-control-expose-headers"] = _EXPOSED_HEADERS
        if cookies and origin != OPAQUE:
            found["access-control-allow-credentials"] = "true"
    return found


def is_preflight(headers: Mapping[str, str]) -> bool:
    """Whether an OPTIONS request is a CORS preflight."""
    return "origin" in headers and "access-control-request-method" in headers


def preflight_headers() -> dict[str, str]:
    """A page of an allowed origin may read, with a token, and resume after a disconnect."""
    return {
        "access-control-allow-methods": "GET, HEAD, POST",
        "access-control-allow-headers": _ALLOWED_HEADERS,
        "access-control-max-age": _PREFLIGHT_SECONDS,
    }


def check_origin(headers: Mapping[str, str], allowed: Set[str] = frozenset()) -> None:
    """Raises NotAllowed for a page of another origin that is not in `allowed` (`origin_in`).

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
