"""What contacts and sockets say: URI, binding, transport, addresses.

Pure.
"""

from typing import NamedTuple

from producers.uri_addresses import canonical_ip
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.sip_uri import MalformedUri, binding_identity, contact_uri
from schemas.vocabulary import Transport

CONTACT_MAX = 4096


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


def address(ip: str, port: int, field: str) -> Address:
    """Raises InvalidRecord."""
    if not 0 <= port <= 65535:
        raise InvalidRecord(field, "not a port")
    canonical = canonical_ip(ip)
    if canonical is None:
        raise InvalidRecord(field, "not an IP address")
    return Address(ip=canonical, port=port)
