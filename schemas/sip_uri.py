"""SIP URIs: one canonical AOR a user and one canonical contact a binding, for every producer."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote

# RFC 3261 §25.1: what the user part may hold unescaped.
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()")
_ESCAPE = re.compile(r"%([0-9A-Fa-f]{2})")
_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.\-]+)$")
_ANGLE = re.compile(r"<([^<>]*)>")
# Parameters FreeSWITCH adds to the stored contact for its own routing (sofia_reg.c).
_ROUTING_PARAMETERS = frozenset({"fs_nat", "fs_path"})
MAX_LENGTH = 1024


class MalformedUri(ValueError):
    """The text is no SIP URI; the message says what is wrong. Send its event to dead letters."""


@dataclass(frozen=True, slots=True)
class SipUri:
    """A parsed SIP or SIPS URI (RFC 3261 §19.1.1); `user` keeps its escapes."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    parameters: dict[str, str | None] = field(default_factory=dict)


def parse_uri(text: str) -> SipUri:
    """Parse a URI or a name-addr (`"Bob" <sip:…>`); header parameters after `>` are dropped.

    Raises MalformedUri.
    """
    if len(text) > MAX_LENGTH:
        raise MalformedUri(f"longer than {MAX_LENGTH} characters")
    # The display name is quoted by the caller's will and may itself hold <…>: the address is last.
    angled = _ANGLE.findall(text)
    uri = (angled[-1] if angled else text).strip()
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips"):
        raise MalformedUri("not a sip: or sips: URI")
    if any(c.isspace() or ord(c) < 32 for c in rest):
        raise MalformedUri("white space or control character in URI")
    rest = rest.partition("?")[0] if "@" not in rest.partition("?")[2] else rest
    user, at, hostpart = rest.rpartition("@")
    hostport, *raw_parameters = hostpart.split(";")
    host, port = _split_port(hostport)
    parameters: dict[str, str | None] = {}
    for raw in raw_parameters:
        name, equals, value = raw.partition("=")
        if name:
            parameters.setdefault(name.lower(), value if equals else None)
    name_part = user.partition(":")[0] if at else None  # a password is no part of identity
    return SipUri(scheme, name_part or None, host.lower(), port, parameters)


def _split_port(hostport: str) -> tuple[str, int | None]:
    host, port = hostport, None
    bracket = hostport.rfind("]")
    colon = hostport.rfind(":")
    if colon > bracket:
        host, digits = hostport[:colon], hostport[colon + 1 :]
        if not digits.isascii() or not digits.isdigit() or not 0 < int(digits) <= 65535:
            raise MalformedUri("port is not 1-65535")
        port = int(digits)
    if not _HOST.match(host):
        raise MalformedUri("host is neither a name nor an address")
    return host, port


def _canonical_user(user: str) -> str:
    """Decode escapes of unreserved characters only; upper-case the hex of the others."""

    def replace(match: re.Match[str]) -> str:
        character = chr(int(match.group(1), 16))
        return character if character in _UNRESERVED else f"%{match.group(1).upper()}"

    return _ESCAPE.sub(replace, user)


def canonical_aor(user: str, host: str) -> str:
    """`sip:user@host` for the user and host (a port is dropped) of a To or From header.

    Two REGISTERs of one user give one AOR (RFC 3261 §10.3 step 5). Raises MalformedUri.
    """
    if not user:
        raise MalformedUri("no user part")
    if len(user) > 256 or any(c.isspace() or ord(c) < 32 or c in "@<>" for c in user):
        raise MalformedUri("user part is too long or holds a forbidden character")
    name, _ = _split_port(host)
    return f"sip:{_canonical_user(user)}@{name.lower()}"


def aor_of(text: str) -> str:
    """The canonical AOR of a URI or name-addr. Raises MalformedUri."""
    uri = parse_uri(text)
    return canonical_aor(uri.user or "", uri.host)


def contact_uri(text: str) -> str:
    """The bare URI of a Contact (no display name), else as given. Raises MalformedUri."""
    parse_uri(text)
    angled = _ANGLE.findall(text)
    return (angled[-1] if angled else text).strip()


def binding_identity(contact: str) -> str:
    """One text for all URIs that RFC 3261 §19.1.4 calls equal to this contact, and no other.

    Host and parameter names are case-insensitive, parameter order does not count, `user`, `ttl`,
    `method`, `maddr` and `transport` count even when one side lacks them; the parameters a
    registrar adds for its own routing do not count. Raises MalformedUri.
    """
    uri = parse_uri(contact)
    port = f":{uri.port}" if uri.port else ""
    user = f"{_canonical_user(uri.user)}@" if uri.user else ""
    parameters = sorted(
        (name, unquote(value).lower() if value is not None else None)
        for name, value in uri.parameters.items()
        if name not in _ROUTING_PARAMETERS
    )
    tail = "".join(f";{n}={v}" if v is not None else f";{n}" for n, v in parameters)
    return f"{uri.scheme}:{user}{uri.host}{port}{tail}"
