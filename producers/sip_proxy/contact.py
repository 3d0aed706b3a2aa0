"""Contacts and sockets of OpenSIPS and Kamailio: URI, identity, transport, addresses. Pure."""

from enum import StrEnum
from typing import Any, NamedTuple

from producers import uri_addresses
from producers.stored_contact import StoredContact, bounded_identity, read_stored
from producers.uri_addresses import canonical_ip
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.sip_uri import MalformedUri
from schemas.vocabulary import Transport

CONTACT_MAX = 64 * 1024  # in an event; records hold less of it

_WEBSOCKETS = {Transport.TCP: Transport.WS, Transport.TLS: Transport.WSS}


class Matching(StrEnum):
    """What identifies a binding for the registrar (usrloc's `matching_mode`)."""

    CONTACT = "contact"
    CONTACT_CALL_ID = "contact-callid"
    CONTACT_PATH = "contact-path"
    CALL_ID = "callid"


class Socket(NamedTuple):
    """A listening socket as the server writes it: `tcp:127.0.0.1:5070`."""

    transport: Transport
    port: int


class UnreadableRow(NamedTuple):
    """A row or header element that is no contact: it becomes a dead letter, the others count."""

    row: Any
    error: InvalidRecord


def read(text: str, field: str = "uri") -> StoredContact:
    """A contact of the location table. Raises InvalidRecord."""
    try:
        return read_stored(text)
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def shown(contact: StoredContact) -> dict[str, Any]:
    """The fields of a record that show the contact."""
    return {"contact": contact.uri, "contact_form": contact.form}


def matched(by: Matching, contact: str, call_id: str | None, path: str | None) -> str:
    """The identity of a binding; `contact` is the contact's own identity."""
    if by is Matching.CALL_ID:
        return bounded_identity(f"call-id={call_id or ''}")
    if by is Matching.CONTACT_CALL_ID:
        return bounded_identity(f"{contact} call-id={call_id or ''}")
    if by is Matching.CONTACT_PATH:
        return bounded_identity(f"{contact} path={path or ''}")
    return contact


def socket_of(text: str | None) -> Socket | None:
    """The socket; None where there is none, or its transport is not SIP's (`hep_udp:…`)."""
    name, _, rest = (text or "").partition(":")
    port = rest.rpartition(":")[2]
    if name.lower() not in set(Transport) or not port.isdecimal() or not 0 < int(port) <= 65535:
        return None
    return Socket(Transport(name.lower()), int(port))


def transport_over(socket: Socket | None, uri: str) -> Transport:
    """The transport of a contact's REGISTER: its listening socket decides, where it is known.

    A WebSocket client's Contact has `transport=ws` also where it came over TLS (RFC 7118 §5.2), and
    servers list the socket as TCP or TLS.
    """
    named = uri_addresses.transport_of(uri)
    if socket is None:
        return named
    if named in (Transport.WS, Transport.WSS):
        return _WEBSOCKETS.get(socket.transport, socket.transport)
    return socket.transport


def address(ip: str, port: int, field: str) -> Address:
    """An address in its canonical form. Raises InvalidRecord."""
    if not 0 <= port <= 65535:
        raise InvalidRecord(field, "not a port")
    canonical = canonical_ip(ip)
    if canonical is None:
        raise InvalidRecord(field, "not an IP address")
    return Address(ip=canonical, port=port)


def peer(
    received: str | None, path: str | None, uri: str, transport: Transport | None
) -> Address | None:
    """Where the REGISTER came from: `received`, where the script sets it (fix_nated_register), else
    the contact's own address. None behind an edge, where the peer is the edge, not the client.
    """
    if received is None and path is not None:
        return None
    return uri_addresses.address_of(received or uri, transport)
