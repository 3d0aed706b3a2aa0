"""SIP URIs: one canonical AOR a user, and one canonical contact a binding, for every producer."""

import re
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from urllib.parse import unquote_to_bytes

# RFC 3261 §25.1. Unreserved characters mean the same escaped and unescaped, reserved ones do not,
# and all others must be escaped (§19.1.2, §19.1.4).
_UNRESERVED = r"A-Za-z0-9\-_.!~*'()"
_is_unreserved = re.compile(f"[{_UNRESERVED}]").fullmatch
_TO_NORMALISE = re.compile(f"%([0-9A-Fa-f]{{2}})|[^{_UNRESERVED};/?:@&=+$,]")
_USER = rf"[{_UNRESERVED}&=+$,;?/]+"
_is_plain_user = re.compile(_USER).fullmatch
_HOST = r"[a-z0-9_.\-]+"
_is_plain_host = re.compile(_HOST).fullmatch
# What nearly every AOR looks like, already in canonical form.
_is_plain_aor = re.compile(f"sip:{_USER}@{_HOST}").fullmatch
_HOST_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9_.\-]+))(?::([0-9]{1,5}))?")
# White space, control characters, brackets, and surrogates, which no encoder can write.
_FORBIDDEN = re.compile(r"[\s\x00-\x20\x7f-\x9f<>\ud800-\udfff]")
_SURROGATES = re.compile(r"[\ud800-\udfff]")
# What may stand in a user part unescaped (RFC 3261 §25.1: unreserved, user-unreserved).
_USER_BYTES = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.!~*'()&=+$,;?/"
)
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL)
_HEADER_PARAMETERS = re.compile(r'\s*(?:;(?:[^<>"]|"(?:[^"\\]|\\.)*")*)?', re.DOTALL)
# A bare URI is followed by header parameters, which white space may set apart (`sip:bob@h ;tag=1`).
_ADDR_SPEC = re.compile(r"(\S+)\s+;.*", re.DOTALL)
# What nearly every contact looks like, already in canonical form: nothing to normalise.
_PLAIN_CONTACT = re.compile(
    rf'(?:(?:"[^"\\]*" ?)?(<))?'
    rf"(sip:{_USER}@[a-z0-9_.\-]+(?::([1-9][0-9]{{0,4}}))?(?:;transport=[a-z]+)?)"
    r"((?:;fs_nat=yes)?(?:;fs_path=[A-Za-z0-9%._\-]*)?)(?(1)>)"
).fullmatch
# Parameters FreeSWITCH adds to the stored contact for its own routing (sofia_reg.c).
_ROUTING_PARAMETERS = frozenset({"fs_nat", "fs_path"})
MAX_LENGTH = 1024  # of a URI, and of a binding's identity
MAX_TEXT_LENGTH = 4 * MAX_LENGTH  # of a name-addr, with display name and header parameters
MAX_AOR_LENGTH = 512  # of schemas.origin.Aor


class MalformedUri(ValueError):
    """The text is no SIP URI; the message is what is wrong. Send its event to dead letters."""


@dataclass(frozen=True, slots=True)
class SipUri:
    """A parsed SIP or SIPS URI (RFC 3261 §19.1.1); `user` and `parameters` keep their escapes."""

    scheme: str
    user: str | None
    host: str
    port: int | None
    parameters: dict[str, str | None] = field(default_factory=dict)


def parse_uri(text: str) -> SipUri:
    """Parse a URI or a name-addr (`"Bob" <sip:…>`); header parameters after `>` are dropped.

    The host comes out in canonical form; a password and `?headers` are dropped. Of a parameter
    given twice the first counts. Raises MalformedUri.
    """
    return SipUri(*_parse(_address(text)))


def _address(text: str) -> str:
    """The URI in a name-addr (RFC 3261 §25.1), or the text itself where it has no brackets.

    A display name is the caller's to choose and may hold `<…>` inside its quotes; header
    parameters may too (`+sip.instance="<urn:uuid:…>"`). So read from the left, as a SIP parser.
    """
    if len(text) > MAX_TEXT_LENGTH:
        raise MalformedUri(f"longer than {MAX_TEXT_LENGTH} characters")
    text = text.strip()
    quoted = _QUOTED.match(text)
    start = text.find("<", quoted.end() if quoted else 0)
    display = text[quoted.end() if quoted else 0 : max(start, 0)]
    if '"' in display or (quoted and (start < 0 or display.strip())):
        raise MalformedUri("display name is not followed by <address>")
    if start < 0:
        bare = _ADDR_SPEC.fullmatch(text)
        return bare[1] if bare else text
    end = text.find(">", start)
    if end < 0 or not _HEADER_PARAMETERS.fullmatch(text, end + 1):
        raise MalformedUri("address is not closed by > or followed by more than parameters")
    return text[start + 1 : end].strip()


def _parse(uri: str) -> tuple[str, str | None, str, int | None, dict[str, str | None]]:
    if len(uri) > MAX_LENGTH:
        raise MalformedUri(f"URI is longer than {MAX_LENGTH} characters")
    scheme, colon, rest = uri.partition(":")
    scheme = scheme.lower()
    if not colon or scheme not in ("sip", "sips"):
        raise MalformedUri("not a sip: or sips: URI")
    if _FORBIDDEN.search(rest):
        if _SURROGATES.search(rest):
            raise MalformedUri("bytes in URI that are no UTF-8")
        raise MalformedUri("white space, control character or bracket in URI")
    # Neither host, parameters nor headers can hold a raw @: the first one ends the user part.
    userinfo, at, host_part = rest.partition("@")
    user = userinfo.partition(":")[0]  # a password is no part of identity, and stays out of logs
    if not at:
        host_part = rest
    elif not user:
        raise MalformedUri("no user part before @")
    host_port, *raw_parameters = host_part.partition("?")[0].split(";")
    parameters: dict[str, str | None] = {}
    for raw in raw_parameters:
        name, equals, value = raw.partition("=")
        if name:
            parameters.setdefault(_normalise(name).lower(), value if equals else None)
    return scheme, user if at else None, *_host_and_port(host_port), parameters


def _host_and_port(text: str) -> tuple[str, int | None]:
    """Host in canonical form (RFC 5954 §4.2 compares IPv6 addresses by value) and port."""
    match = _HOST_PORT.fullmatch(text)
    if not match:
        raise MalformedUri("host is neither a name nor an address, or its port is no number")
    ipv6, name, digits = match.groups()
    port = int(digits) if digits else None
    if port is not None and not 0 < port <= 65535:
        raise MalformedUri("port is not 1-65535")
    return _ipv6_reference(ipv6) if ipv6 else name.lower(), port


def _ipv6_reference(text: str) -> str:
    try:
        address = IPv6Address(text)
    except ValueError as error:
        raise MalformedUri(f"no IPv6 address: {error}") from error
    # Python versions differ in how they write mapped addresses; keys must not.
    mapped = address.ipv4_mapped
    return f"[::ffff:{mapped}]" if mapped else f"[{address.compressed}]"


def _normalise(text: str) -> str:
    """Unescape unreserved characters, escape what must be; escapes in upper case.

    Texts that RFC 3261 §19.1.4 calls equal but for their case come out equal. A `%` that begins
    no escape becomes `%25`, so that normalising twice changes nothing.
    """
    return _TO_NORMALISE.sub(_normal_form, text)


def _normal_form(match: re.Match[str]) -> str:
    digits = match[1]
    if digits is None:
        return "".join(f"%{byte:02X}" for byte in match[0].encode())
    character = chr(int(digits, 16))
    return character if _is_unreserved(character) else f"%{digits.upper()}"


def canonical_aor(user: str, host: str) -> str:
    """`sip:user@host` for the user and host (a port is dropped) of a To or From header, or of a
    registrar's table.

    Two REGISTERs of one user give one AOR (RFC 3261 §10.3 step 5), which schemas.origin.Aor
    accepts. Registrars keep the user part decoded (un_escape() in OpenSIPS' and Kamailio's
    extract_aor()), so both forms give one AOR: all escapes are read, and what may not stand in a
    user part (§25.1) is escaped again. Raises MalformedUri.
    """
    if not (_is_plain_user(user) and _is_plain_host(host)):
        if not user:
            raise MalformedUri("no user part")
        if _SURROGATES.search(user):
            raise MalformedUri("user part is not UTF-8")
        user, host = _escaped_user(user), _host_and_port(host)[0]
    aor = f"sip:{user}@{host}"
    if len(aor) > MAX_AOR_LENGTH:
        raise MalformedUri(f"AOR is longer than {MAX_AOR_LENGTH} characters")
    return aor


def _escaped_user(text: str) -> str:
    """`text` with each escape read once, and then only what needs one escaped (UTF-8)."""
    data = unquote_to_bytes(text)
    return "".join(chr(byte) if byte in _USER_BYTES else f"%{byte:02X}" for byte in data)


def aor_of(text: str) -> str:
    """The canonical AOR of a URI or name-addr. Raises MalformedUri."""
    if len(text) <= MAX_AOR_LENGTH and _is_plain_aor(text):
        return text
    _, user, host, _, _ = _parse(_address(text))
    return canonical_aor(user or "", host)


def stored_aor(text: str) -> str:
    """The canonical AOR of `user@host` as a registrar's table has it. Raises MalformedUri.

    A decoded user part may hold `@`: the last one separates.
    """
    user, _, host = text.rpartition("@")
    return canonical_aor(user, host)


def contact_uri(text: str) -> str:
    """The bare URI of a Contact (no display name), else as given. Raises MalformedUri."""
    if plain := _plain_contact(text):
        return plain[0] + plain[1]
    address = _address(text)
    _parse(address)
    return address


def binding_identity(contact: str) -> str:
    """One text for all URIs that RFC 3261 §19.1.4 calls equal to this contact, and no other.

    The user part is case-sensitive; host, parameter names and values are not; order does not
    count. Two simplifications: every parameter counts even when one side lacks it (the RFC requires
    it of `user`, `ttl`, `method`, `maddr`, its examples of `transport`; for the others its rule is
    not transitive, so no identity can follow it), and passwords and `?headers` do not count. Nor do
    the parameters a registrar adds for its own routing. Raises MalformedUri.
    """
    if plain := _plain_contact(contact):
        return plain[0]
    scheme, raw_user, host, raw_port, parameters = _parse(_address(contact))
    user = f"{_normalise(raw_user)}@" if raw_user else ""
    port = f":{raw_port}" if raw_port else ""
    tail = "".join(
        f";{name}" if value is None else f";{name}={_normalise(value).lower()}"
        for name, value in sorted(parameters.items())
        if name not in _ROUTING_PARAMETERS
    )
    identity = f"{scheme}:{user}{host}{port}{tail}"
    if len(identity) > MAX_LENGTH:
        raise MalformedUri(f"longer than {MAX_LENGTH} characters once escaped")
    return identity


def _plain_contact(text: str) -> tuple[str, str] | None:
    """A contact that is in canonical form already: its URI and routing parameters, else None."""
    match = _PLAIN_CONTACT(text)
    if match is None or len(text) > MAX_LENGTH:
        return None  # a long text may hold a short URI: it has to be parsed
    _, uri, port, routing = match.groups()
    return (uri, routing) if port is None or int(port) <= 65535 else None
