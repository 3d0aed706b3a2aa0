"""A contact as a registrar's table has it → the contact in a record, and its identity.

Pure. Servers store contacts that the contract cannot hold whole (over 1,024 characters), and
contacts of other schemes (`tel:`, RFC 3261 §10.2.1). They are shown, bounded and marked, for the
registrar sends to them.
"""

import re
from hashlib import blake2b
from typing import NamedTuple

from schemas.sip_uri import MAX_LENGTH, binding_identity, contact_uri
from schemas.vocabulary import ContactForm

# What stays readable of an identity that is too long.
_HEAD_LENGTH = 900
_NAME_ADDR = re.compile(r'\s*(?:"(?:[^"\\]|\\.)*"\s*)?<([^<>]*)>').fullmatch
# FreeSWITCH keeps 1,023 bytes of a contact (contact_str in sofia_reg.c): of a longer one neither
# `>` nor all parameters are left.
_CUT_OFF = re.compile(r'(?:"(?:[^"\\]|\\.)*")?\s*<(sips?:[^<>\s]{900,})').fullmatch
_TELEPHONE = re.compile(r"tel:[!-;=?-~]+", re.IGNORECASE).fullmatch  # RFC 3966


class StoredContact(NamedTuple):
    """`uri` without display name, of 1,024 characters at most; `identity` likewise.

    `identity` is one text for all URIs that are equal (RFC 3261 §19.1.4).
    """

    uri: str
    identity: str
    form: ContactForm | None = None


def read_stored(text: str) -> StoredContact:
    """A URI, or a name-addr as FreeSWITCH stores it. Raises MalformedUri."""
    cut = _CUT_OFF(text)
    named = cut or _NAME_ADDR(text)
    uri = named[1] if named else text
    if _TELEPHONE(uri):
        return StoredContact(uri[:MAX_LENGTH], bounded_identity(uri), ContactForm.NOT_SIP)
    if cut or len(uri) > MAX_LENGTH:
        contact_uri(uri[:MAX_LENGTH])  # what is shown must be one
        return StoredContact(uri[:MAX_LENGTH], bounded_identity(uri), ContactForm.TRUNCATED)
    return StoredContact(contact_uri(text), binding_identity(text))


def bounded_identity(text: str) -> str:
    """`text` where it fits an identity, else its beginning and a digest of the whole."""
    if len(text) <= MAX_LENGTH:
        return text
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
    return f"{text[:_HEAD_LENGTH]}#{digest}"
