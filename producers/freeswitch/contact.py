"""What a contact as FreeSWITCH stores it says: its URI, its binding's identity, its transport."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from producers.uri_addresses import received_by_edge
from schemas.codec import InvalidRecord
from schemas.sip_uri import MalformedUri, binding_identity, contact_uri, parse_uri
from schemas.vocabulary import Transport

# mod_sofia prints the URL of `Contact: *`, which has no parts, like this.
_WILDCARD = re.compile(r'\s*(?:"[^"]*"\s*)?<sips?:\(null\)@\(null\)>\s*').fullmatch
_INSTANCE = re.compile(r';\s*\+sip\.instance\s*=\s*"<([^">]{1,255})>"', re.IGNORECASE)
_REG_ID = re.compile(r";\s*reg-id\s*=\s*([0-9]{1,9})(?![0-9])", re.IGNORECASE)
_STATUS = re.compile(r"Registered\((UDP|TCP|TLS|WSS|WS)(?:-NAT[^)]*)?\)").match


class Contact(NamedTuple):
    """`uri` without display name; `binding` as schemas.registration describes it."""

    uri: str
    binding: str
    transport: Transport | None
    path: str | None = None

    def fields(self) -> dict[str, Any]:
        """What a registration says of it."""
        return {
            "contact": self.uri,
            "binding": self.binding,
            "transport": self.transport,
            "path": self.path,
            "received": received_by_edge(self.path),
        }


def is_wildcard(text: str) -> bool:
    return _WILDCARD(text) is not None


def read(text: str, status: str | None, field: str = "contact") -> Contact:
    """Read a contact; `status` (`Registered(TCP)`) tells the transport where the URI does not.

    It is the switch's view: a client on TCP whose URI names no transport shows as UDP
    (sofia_reg.c), and the switch treats it so. Raises InvalidRecord.
    """
    try:
        uri = contact_uri(text)
        return Contact(uri, _binding(text, uri), _transport(uri, status), _path(uri))
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def _path(uri: str) -> str | None:
    """The Path header's value, which mod_sofia keeps as a parameter of the contact.

    It writes the same parameter for a client behind NAT: its own address as a plain URI, where a
    Path is always a name-addr (sofia_reg.c; RFC 3327 §4).
    """
    value = unquote(parse_uri(uri).parameters.get("fs_path") or "")
    return value if value.startswith("<") else None


def _binding(text: str, uri: str) -> str:
    """Instance and reg-id where the client has them (RFC 5626 §6), else the canonical URI."""
    _, found, parameters = text.rpartition(f"<{uri}>")
    if not found:
        return binding_identity(text)
    instance, reg_id = _INSTANCE.search(parameters), _REG_ID.search(parameters)
    if instance and reg_id:
        return f"{instance[1].lower()};reg-id={int(reg_id[1])}"
    return binding_identity(text)


def _transport(uri: str, status: str | None) -> Transport | None:
    parsed = parse_uri(uri)
    named = (parsed.parameters.get("transport") or "").lower()
    if parsed.scheme == "sips":  # RFC 3261 §26.2.2: TLS, over whatever
        return {"ws": Transport.WSS, "wss": Transport.WSS}.get(named, Transport.TLS)
    if named in set(Transport):
        return Transport(named)
    match = _STATUS(status or "")
    return Transport(match[1].lower()) if match else None
