"""What a request shows for itself: a bearer token in a header or a cookie, or a ticket (pure)."""

from dataclasses import dataclass, field

from starlette.datastructures import Headers

from sinks.gateway.errors import NotAllowed

# RFC 6265bis §4.1.3: browsers send such cookies over TLS only, and no page without TLS sets them.
COOKIE_PREFIXES = ("__Secure-", "__Host-")


@dataclass(frozen=True, slots=True)
class Credential:
    """A token, and whether a browser sent it by itself."""

    token: str = field(repr=False)
    from_cookie: bool = False


def credential_in(headers: Headers, cookie: str | None) -> Credential | None:
    """The one token of a request, None where it has none. `cookie`: the cookie's name.

    Raises NotAllowed where there are several: proxies and servers do not agree on which counts.
    """
    given = headers.getlist("authorization")
    if len(given) > 1:
        raise unauthorized("several Authorization headers")
    if given:
        scheme, _, token = given[0].partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise unauthorized("Authorization is not: Bearer TOKEN")
        return Credential(token.strip())
    found = _cookies(headers, cookie) if cookie else []
    if len(found) > 1:
        raise unauthorized("several cookies of that name")
    return Credential(found[0], from_cookie=True) if found else None


def check_site(headers: Headers) -> None:
    """Raises NotAllowed where a page of another site made the browser send its cookie.

    Such a request without `Origin` is one for a script, an image or a link (Fetch Metadata,
    `Sec-Fetch-Site`); one with it is checked by its origin.
    """
    site = headers.get("sec-fetch-site", "none")
    origin = headers.get("origin")
    if origin == "null" or (origin is None and site not in ("none", "same-origin")):
        raise NotAllowed(
            "a page of another site cannot use the cookie", status=403, reason="origin"
        )


def unauthorized(why: str) -> NotAllowed:
    """The 401 for a request without a valid token. `why` is for the log only."""
    refusal = NotAllowed(
        "a valid token is missing: Authorization: Bearer TOKEN", status=401, reason="unauthorized"
    )
    refusal.why = why
    return refusal


def _cookies(headers: Headers, name: str) -> list[str]:
    """The values of all cookies of a name (names are compared as they are: RFC 6265 §5.4)."""
    pairs = [pair.strip() for line in headers.getlist("cookie") for pair in line.split(";")]
    return [pair[len(name) + 1 :] for pair in pairs if pair.startswith(f"{name}=")]
