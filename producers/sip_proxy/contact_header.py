"""The Contact header's text → its contacts, for scripts that pass on a REGISTER's header.

Pure. RFC 3261 §20.10 and §25.1: `"display" <URI>;parameters`, or a bare URI, whose parameters are
then the header's; several are separated by commas. A header holds what the client requested: what
the registrar made of it only its table shows.
"""

import contextlib
import re
from collections.abc import Iterator
from typing import NamedTuple

from producers.sip_proxy.header_elements import elements, is_closed
from producers.stored_contact import read_stored
from schemas.sip_uri import MalformedUri

CONTACTS_MAX = 32  # of one header; Kamailio reads as many as come, no phone sends more than a few
EXPIRES_MAX = 2**32 - 1  # RFC 3261 §20.19
_INSTANCE = re.compile(r"<([^<>\ud800-\udfff]{1,255})>").fullmatch  # a URN: UTF-8
_is_expires = re.compile(r"[0-9]{1,10}").fullmatch
_is_reg_id = re.compile(r"0*([1-9][0-9]{0,8})").fullmatch


class HeaderContact(NamedTuple):
    """`uri` without brackets; `parameters` by lower-case name, None where one has no value."""

    uri: str
    parameters: dict[str, str | None]

    @property
    def expires(self) -> int | None:
        """Seconds; None where missing or unreadable: then the registrar's default counts."""
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
    """Whether the header removes all bindings (RFC 3261 §10.2.2)."""
    return text.strip() == "*"


def read_expires(text: str | None) -> int | None:
    """Seconds of an Expires header or parameter; None where it is missing or not a plain number.

    Then registrars grant their default (Kamailio's and OpenSIPS' calc_contact_expires()).
    """
    found = _is_expires((text or "").strip())
    return min(int(found[0]), EXPIRES_MAX) if found else None


class UnreadableContact(NamedTuple):
    """An element of the header that is no contact, and why."""

    text: str
    reason: str


def read_each(text: str) -> Iterator[HeaderContact | UnreadableContact]:
    """The contacts of one or several joined Contact headers, in order. One that cannot be read does
    not affect the others, except where a quote or bracket is not closed: then the next contact's
    beginning is not known, and the rest of the text is one element.
    """
    count = 0
    for begin, end in elements(text, ","):
        part = text[begin:end]
        if not part.strip():
            continue  # an empty element between commas
        if count == CONTACTS_MAX:
            yield UnreadableContact(text[begin:], f"more than {CONTACTS_MAX} contacts")
            return
        count += 1
        try:
            yield _contact(part)
        except MalformedUri as error:
            yield UnreadableContact(part, str(error))


def read_contacts(text: str) -> list[HeaderContact]:
    """At least one contact. Raises MalformedUri where one cannot be read, or there is none."""
    found: list[HeaderContact] = []
    for one in read_each(text):
        if isinstance(one, UnreadableContact):
            raise MalformedUri(one.reason)
        found.append(one)
    if not found:
        raise MalformedUri("no contact")
    return found


def _contact(text: str) -> HeaderContact:
    """Raises MalformedUri."""
    if not is_closed(text):
        raise MalformedUri("a quote or bracket is not closed")
    address, *raw_parameters = (text[begin:end] for begin, end in elements(text, ";"))
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
    """The `expires` of this contact in a 200 OK's Contact headers; None where it is not there.

    A 200 OK lists all the user's contacts, in any order, each with its `expires` (RFC 3261 §10.3
    step 8).
    """
    try:
        wanted = read_stored(contact.uri).identity
    except MalformedUri:
        return None
    for one in read_each(reply or ""):
        with contextlib.suppress(MalformedUri):
            if isinstance(one, HeaderContact) and read_stored(one.uri).identity == wanted:
                return one.expires
    return None
