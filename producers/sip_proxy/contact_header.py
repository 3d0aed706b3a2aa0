"""The Contact header's text → its contacts, for scripts that pass on what a REGISTER said.

Pure. RFC 3261 §20.10 and §25.1: `"display" <URI>;parameters`, or a bare URI, whose parameters are
then the header's; several are separated by commas. A header is what the client asked for: what the
registrar made of it only its table shows.
"""

import contextlib
import re
from typing import NamedTuple

from producers.stored_contact import read_stored
from schemas.sip_uri import MalformedUri

CONTACTS_MAX = 32  # of one header; Kamailio reads as many as come, no phone sends more than a few
EXPIRES_MAX = 2**32 - 1  # RFC 3261 §20.19
_INSTANCE = re.compile(r"<([^<>]{1,255})>").fullmatch
_is_expires = re.compile(r"[0-9]{1,10}").fullmatch
_is_reg_id = re.compile(r"0*([1-9][0-9]{0,8})").fullmatch
# One token of the text: a quoted string, an address in brackets, a mark, or what is between.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|<[^<>]*>|[,;]|[^",;<>]+', re.DOTALL)


class HeaderContact(NamedTuple):
    """`uri` without brackets; `parameters` by lower-case name, None where one has no value."""

    uri: str
    parameters: dict[str, str | None]

    @property
    def expires(self) -> int | None:
        """Seconds; None where there is none that can be read (the registrar's default counts)."""
        return read_expires(self.parameters.get("expires"))

    @property
    def instance(self) -> str | None:
        """`+sip.instance` without its brackets (RFC 5626 §4.1)."""
        match = _INSTANCE(self.parameters.get("+sip.instance") or "")
        return match[1] if match else None

    @property
    def reg_id(self) -> int | None:
        match = _is_reg_id(self.parameters.get("reg-id") or "")
        return int(match[1]) if match else None


def is_star(text: str) -> bool:
    """Whether the header asks to remove all (RFC 3261 §10.2.2)."""
    return text.strip() == "*"


def read_expires(text: str | None) -> int | None:
    """Seconds of an Expires header or parameter; None where it is missing or no plain number.

    Registrars grant their default then (Kamailio's and OpenSIPS' calc_contact_expires()).
    """
    found = _is_expires((text or "").strip())
    return min(int(found[0]), EXPIRES_MAX) if found else None


def read_contacts(text: str) -> list[HeaderContact]:
    """The contacts of one or several joined Contact headers, in order. Raises MalformedUri."""
    found: list[HeaderContact] = []
    for part in _split(text, ","):
        if not part.strip():
            continue  # an empty element between commas
        if len(found) == CONTACTS_MAX:
            raise MalformedUri(f"more than {CONTACTS_MAX} contacts")
        found.append(_contact(part))
    if not found:
        raise MalformedUri("no contact")
    return found


def _split(text: str, mark: str) -> list[str]:
    """`text` at each `mark` that stands outside of quotes and brackets. Raises MalformedUri."""
    parts, begin, position = [], 0, 0
    while position < len(text):
        token = _TOKEN.match(text, position)
        if token is None:
            raise MalformedUri("a quote or bracket is not closed")
        if token[0] == mark:
            parts.append(text[begin:position])
            begin = token.end()
        position = token.end()
    return [*parts, text[begin:]]


def _contact(text: str) -> HeaderContact:
    address, *raw_parameters = _split(text, ";")
    begin = address.rfind("<")
    if begin >= 0:
        address, end, rest = address[begin + 1 :].partition(">")
        if not end or rest.strip():
            raise MalformedUri("address is not closed by > or followed by more than parameters")
    parameters: dict[str, str | None] = {}
    for raw in raw_parameters:
        name, equals, value = raw.partition("=")
        if name.strip():  # `;;` is no parameter
            parameters.setdefault(name.strip().lower(), _unquoted(value) if equals else None)
    if not address.strip():
        raise MalformedUri("no address")
    return HeaderContact(address.strip(), parameters)


def _unquoted(text: str) -> str:
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return re.sub(r"\\(.)", r"\1", text[1:-1], flags=re.DOTALL)
    return text


def granted_to(contact: HeaderContact, reply: str | None) -> int | None:
    """Seconds that a 200 OK's Contact headers give this contact; None where they do not name it.

    A 200 OK lists all the user's contacts, in any order, each with its `expires` (RFC 3261 §10.3
    step 8).
    """
    try:
        listed = read_contacts(reply or "")
        wanted = read_stored(contact.uri).identity
    except MalformedUri:
        return None
    for one in listed:
        with contextlib.suppress(MalformedUri):
            if read_stored(one.uri).identity == wanted:
                return one.expires
    return None
