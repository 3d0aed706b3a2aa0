"""What contacts, sockets, received and Path values say: URI, binding, transport, addresses.

Pure.
"""

from ipaddress import IPv6Address, ip_address
from typing import NamedTuple
from urllib.parse import unquote

from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.sip_uri import MalformedUri, SipUri, binding_identity, contact_uri, parse_uri
from schemas.vocabulary import Transport

CONTACT_MAX = 4096
_DEFAULT_PORTS = {Transport.TLS: 5061, Transport.WS: 80, Transport.WSS: 443}


class Contact(NamedTuple):
    """`uri` without display name, `binding` as schemas.registration describes it."""

    uri: str
    binding: str


class Socket(NamedTuple):
    """A listening socket as OpenSIPS writes it: `tcp:127.0.0.1:5070`."""

    transport: Transport
    port: int


def read(text: str, field: str = "uri") -> Contact:
    """Raises InvalidRecord."""
    try:
        return Contact(contact_uri(text), binding_identity(text))
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def socket_of(text: str | None) -> Socket | None:
    """None where there is none, or of a transport that is not SIP's own (`hep_udp:…`)."""
    name, _, rest = (text or "").partition(":")
    port = rest.rpartition(":")[2]
    if name.lower() not in set(Transport) or not port.isdecimal() or not 0 < int(port) <= 65535:
        return None
    return Socket(Transport(name.lower()), int(port))


def transport_of(uri: str) -> Transport:
    """As the contact itself says it (RFC 3263 §4.1); UDP where it says nothing."""
    try:
        parsed = parse_uri(uri)
    except MalformedUri:
        return Transport.UDP
    named = (parsed.parameters.get("transport") or "").lower()
    if parsed.scheme == "sips":
        return {"ws": Transport.WSS, "wss": Transport.WSS}.get(named, Transport.TLS)
    return Transport(named) if named in set(Transport) else Transport.UDP


def address_of(uri: str | None, transport: Transport | None) -> Address | None:
    """The address a URI names; None where its host is a name, not an address."""
    if uri is None:
        return None
    try:
        parsed = parse_uri(uri)
    except MalformedUri:
        return None
    return _address(parsed, transport)


def address(ip: str, port: int, field: str) -> Address:
    """Raises InvalidRecord."""
    if not 0 <= port <= 65535:
        raise InvalidRecord(field, "not a port")
    canonical = canonical_ip(ip)
    if canonical is None:
        raise InvalidRecord(field, "not an IP address")
    return Address(ip=canonical, port=port)


def canonical_ip(text: str) -> str | None:
    """As connection keys need it: IPv4-mapped addresses as IPv4, IPv6 compressed."""
    try:
        found = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.compressed)
    return str(found)


def received_by_edge(path: str | None) -> Address | None:
    """The client's address in a Path's `received` parameter; of several the client's edge's.

    Each proxy puts its own URI on top (RFC 3327 §5.1): the last one is nearest to the client.
    """
    if path is None:
        return None
    begin = path.rfind("<")
    last = path[begin + 1 :].partition(">")[0] if begin >= 0 else path.rpartition(",")[2]
    try:
        received = parse_uri(last.strip()).parameters.get("received")
    except MalformedUri:
        return None
    text = unquote(received or "").strip('"')
    return address_of(text, transport_of(text)) if text else None


def _address(parsed: SipUri, transport: Transport | None) -> Address | None:
    ip = canonical_ip(parsed.host)
    if ip is None:
        return None
    default = _DEFAULT_PORTS.get(transport, 5060) if transport else 5060
    return Address(ip=ip, port=parsed.port or default)
