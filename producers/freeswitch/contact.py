"""A contact as FreeSWITCH stores it → its URI, its binding's identity, its transport."""

import re
from typing import Any, NamedTuple
from urllib.parse import unquote

from producers.event_fields import has_surrogates, replace_surrogates
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.matching import Mode
from producers.stored_contact import StoredContact, bounded_identity, read_stored
from producers.uri_addresses import received_by_edge
from schemas.codec import InvalidRecord
from schemas.sip_uri import MAX_LENGTH, MalformedUri, parse_uri
from schemas.vocabulary import ContactForm, Transport

# The longest contact in an event or a listing, with display name; what a record shows is shorter.
CONTACT_MAX = 2**16
# mod_sofia prints the URL of `Contact: *`, which has no parts, like this; it may add a port and
# its own parameters.
_WILDCARD = re.compile(r"[^<]*(?:<[^<>]*>[^<]*)*<sips?:\(null\)@\(null\)[^<>]*>\s*").fullmatch
_DISPLAY_NAME = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"|[^<"]*)(?=\s*<)', re.DOTALL).match
_STATUS = re.compile(r"Registered\((UDP|TCP|TLS|WSS|WS)(?:-NAT[^)]*)?\)").match


class Contact(NamedTuple):
    """`uri` without display name; `binding` as schemas.registration describes it."""

    uri: str
    binding: str
    transport: Transport | None
    path: str | None = None
    form: ContactForm | None = None

    def fields(self) -> dict[str, Any]:
        """Its fields in a registration event."""
        return {
            "contact": self.uri,
            "contact_form": self.form,
            "binding": self.binding,
            "transport": self.transport,
            "path": self.path,
            "received": received_by_edge(self.path),
        }


def text_of(event: SwitchEvent, header: str = "contact") -> str:
    """A header with a contact as stored, readable. Raises InvalidRecord."""
    value = event.raw(header)
    if value is None:
        raise InvalidRecord(header, "missing")
    return readable(value, header)


def readable(text: str, field: str = "contact") -> str:
    """A stored contact in which bytes of the display name that are not UTF-8 are U+FFFD.

    Older phones write names in Latin-1: RFC 3261 §25.1 does not allow it, and the switch does.
    Raises InvalidRecord where the text is too long, or another part of it is not UTF-8.
    """
    if len(text) > CONTACT_MAX:
        raise InvalidRecord(field, f"longer than {CONTACT_MAX} characters")
    if has_surrogates(text):
        name = _DISPLAY_NAME(text)
        end = name.end() if name else 0
        text = replace_surrogates(text[:end]) + text[end:]
        if has_surrogates(text):
            raise InvalidRecord(field, "not UTF-8")
    return text


def is_wildcard(text: str) -> bool:
    """Whether it is what mod_sofia makes of `Contact: *`."""
    return _WILDCARD(text) is not None


def read(
    text: str,
    status: str | None,
    field: str = "contact",
    *,
    mode: Mode = "ask",
) -> Contact:
    """Read a contact; `status` (`Registered(TCP)`) names the transport where the URI does not.

    It is the switch's view: a client on TCP whose URI names no transport shows as UDP
    (sofia_reg.c), and the switch treats it so. The binding's identity is what the profile's `mode`
    matches on (producers/freeswitch/matching.py). Raises InvalidRecord.
    """
    try:
        stored = read_stored(text)
        return Contact(
            stored.uri,
            _identity(text, stored, mode),
            _transport(stored.uri, status),
            _path(stored.uri),
            stored.form,
        )
    except MalformedUri as error:
        raise InvalidRecord(field, str(error)) from error


def _identity(text: str, stored: StoredContact, mode: Mode) -> str:
    """The text by which a profile of this mode identifies a row of sip_registrations (sofia_reg.c).

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
    if named in ("ws", "wss") and seen is not None:
        return seen  # RFC 7118 §5.2: there is no transport=wss; the switch sees it in the Via
    return Transport(named) if named in set(Transport) else seen
