"""What a contact as FreeSWITCH stores it says: its URI, its binding's identity, its transport."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from producers.freeswitch.matching import Mode
from producers.stored_contact import StoredContact, bounded_identity, read_stored
from producers.uri_addresses import received_by_edge
from schemas.codec import InvalidRecord
from schemas.sip_uri import MAX_LENGTH, MalformedUri, contact_uri, parse_uri
from schemas.vocabulary import ContactForm, Transport

# Of a contact in an event or a listing, with display name; what is shown of it is shorter.
TEXT_MAX = 2**16
# mod_sofia prints the URL of `Contact: *`, which has no parts, like this.
_WILDCARD = re.compile(r'\s*(?:"[^"]*"\s*)?<sips?:\(null\)@\(null\)>\s*').fullmatch
_STATUS = re.compile(r"Registered\((UDP|TCP|TLS|WSS|WS)(?:-NAT[^)]*)?\)").match
# sofia_reg.c keeps 1,023 bytes of a contact (contact_str): of a longer one neither `>` nor all
# parameters are left.
_CUT_OFF = re.compile(r'(?:"(?:[^"\\]|\\.)*")?\s*<(sips?:[^<>\s]{900,})').fullmatch


class Contact(NamedTuple):
    """`uri` without display name; `binding` as schemas.registration describes it."""

    uri: str
    binding: str
    transport: Transport | None
    path: str | None = None
    form: ContactForm | None = None

    def fields(self) -> dict[str, Any]:
        """What a registration says of it."""
        return {
            "contact": self.uri,
            "contact_form": self.form,
            "binding": self.binding,
            "transport": self.transport,
            "path": self.path,
            "received": received_by_edge(self.path),
        }


def is_wildcard(text: str) -> bool:
    return _WILDCARD(text) is not None


def read(
    text: str,
    status: str | None,
    field: str = "contact",
    *,
    mode: Mode = "ask",
) -> Contact:
    """Read a contact; `status` (`Registered(TCP)`) tells the transport where the URI does not.

    It is the switch's view: a client on TCP whose URI names no transport shows as UDP
    (sofia_reg.c), and the switch treats it so. The binding's identity is what the profile's `mode`
    matches on (producers/freeswitch/matching.py). Raises InvalidRecord.
    """
    try:
        stored = _stored(text)
        return Contact(
            stored.uri,
            _identity(text, stored, mode),
            _transport(stored.uri, status),
            _path(stored.uri),
            stored.form,
        )
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def _stored(text: str) -> StoredContact:
    cut = _CUT_OFF(text)
    if cut is None:
        return read_stored(text)
    contact_uri(cut[1][:MAX_LENGTH])  # what is shown must be one
    return StoredContact(cut[1][:MAX_LENGTH], bounded_identity(cut[1]), ContactForm.TRUNCATED)


def _identity(text: str, stored: StoredContact, mode: Mode) -> str:
    """What a profile of this mode knows a row of sip_registrations by (sofia_reg.c).

    The switch keeps no `+sip.instance` and `reg-id`, and matches on neither.
    """
    if mode in ("call-id", "contact"):
        # Display name, `fs_nat` and `fs_path` count: the stored texts are compared.
        plain = f"<{stored.identity}>"
        return stored.identity if text in (f'"" {plain}', plain) else bounded_identity(text)
    return stored.identity


def _path(uri: str) -> str | None:
    """The Path header's value, which mod_sofia keeps as a parameter of the contact.

    It writes the same parameter for a client behind NAT: its own address as a plain URI, where a
    Path is always a name-addr (sofia_reg.c; RFC 3327 §4).
    """
    if not uri.startswith(("sip", "SIP")):
        return None
    value = unquote(parse_uri(uri).parameters.get("fs_path") or "")
    return value[:MAX_LENGTH] if value.startswith("<") else None


def _transport(uri: str, status: str | None) -> Transport | None:
    match = _STATUS(status or "")
    seen = Transport(match[1].lower()) if match else None
    if not uri.lower().startswith(("sip:", "sips:")):
        return seen
    parsed = parse_uri(uri)
    named = (parsed.parameters.get("transport") or "").lower()
    if parsed.scheme == "sips":  # RFC 3261 §26.2.2: TLS, over whatever
        return {"ws": Transport.WSS, "wss": Transport.WSS}.get(named, Transport.TLS)
    if named == "ws" and seen is Transport.WSS:
        return Transport.WSS  # RFC 7118 §5.2: there is no transport=wss; the Via tells the switch
    return Transport(named) if named in set(Transport) else seen
