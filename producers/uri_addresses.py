"""Transports and addresses in URIs of contacts, `received` and Path values. Pure."""

from ipaddress import IPv6Address, ip_address

from schemas import path
from schemas.origin import Address
from schemas.sip_uri import MAX_LENGTH, MalformedUri, SipUri, parse_uri
from schemas.vocabulary import Transport

_DEFAULT_PORTS = {Transport.TLS: 5061, Transport.WS: 80, Transport.WSS: 443}


def transport_of(uri: str) -> Transport:
    """The transport that the contact names (RFC 3263 §4.1); UDP where it names none."""
    parsed = _parsed(uri)
    if parsed is None:
        return Transport.UDP
    named = (parsed.parameters.get("transport") or "").lower()
    if parsed.scheme == "sips":
        return {"ws": Transport.WSS, "wss": Transport.WSS}.get(named, Transport.TLS)
    return Transport(named) if named in set(Transport) else Transport.UDP


def address_of(uri: str | None, transport: Transport | None) -> Address | None:
    """The address a URI names; None where its host is a name, not an address."""
    parsed = _parsed(uri) if uri is not None else None
    return _address(parsed, transport) if parsed is not None else None


def canonical_ip(text: str) -> str | None:
    """The form that connection keys need: IPv4-mapped addresses as IPv4, IPv6 compressed."""
    try:
        found = ip_address(text.removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    if isinstance(found, IPv6Address):
        return str(found.ipv4_mapped or found.compressed)
    return str(found)


def received_by_edge(stored: str | None) -> Address | None:
    """The client's address in a Path's `received` parameter; of several the client's edge's."""
    edge = path.nearest(stored) if stored is not None else None
    text = path.received(edge) if edge is not None else None
    return address_of(text, transport_of(text)) if text else None


def _parsed(uri: str) -> SipUri | None:
    """Of a stored contact that is too long, its beginning: host and transport come first."""
    try:
        return parse_uri(uri[:MAX_LENGTH])
    except MalformedUri:
        return None


def _address(parsed: SipUri, transport: Transport | None) -> Address | None:
    ip = canonical_ip(parsed.host)
    if ip is None:
        return None
    default = _DEFAULT_PORTS.get(transport, 5060) if transport else 5060
    return Address(ip=ip, port=parsed.port or default)
