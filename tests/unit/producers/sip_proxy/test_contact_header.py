"""Contact headers (RFC 3261 §20.10): whose a parameter is, and where one contact ends."""

import pytest

from producers.sip_proxy.contact_header import (
    EXPIRES_MAX,
    HeaderContact,
    UnreadableContact,
    granted_to,
    is_star,
    read_contacts,
    read_each,
    read_expires,
)
from schemas.sip_uri import MalformedUri


@pytest.mark.parametrize(
    ("text", "contacts"),
    [
        # Without <>, parameters are the header's.
        ("sip:bob@192.0.2.1:5062;expires=600", [("sip:bob@192.0.2.1:5062", {"expires": "600"})]),
        ("sip:b@h;transport=tcp;expires=0", [("sip:b@h", {"transport": "tcp", "expires": "0"})]),
        # With them, those inside are the URI's.
        ("<sip:b@h;transport=tcp>;expires=5", [("sip:b@h;transport=tcp", {"expires": "5"})]),
        ("<sip:b@h;expires=9>", [("sip:b@h;expires=9", {})]),
        # Several: in one header, with commas in a display name, a URI and a parameter.
        ("<sip:a@h>;q=0.9, <sip:b@h>;q=.1", [("sip:a@h", {"q": "0.9"}), ("sip:b@h", {"q": ".1"})]),
        ('"Roe, Jane" <sip:j@h>, sip:k@h', [("sip:j@h", {}), ("sip:k@h", {})]),
        (r'"a \"<sip:x@h>, b" <sip:j@h>', [("sip:j@h", {})]),
        ("<sip:a,b@h>,<sip:c@h>", [("sip:a,b@h", {}), ("sip:c@h", {})]),
        ('<sip:a@h>;x="1,2;3",<sip:c@h>', [("sip:a@h", {"x": "1,2;3"}), ("sip:c@h", {})]),
        # White space and folding may be around every separator (§25.1).
        ("Jane <sip:j@h> ; EXPIRES = 60 , \r\n <sip:c@h>", [("sip:j@h", {"expires": "60"}),
                                                            ("sip:c@h", {})]),
        ("<sip:a@h>;ob;q=1", [("sip:a@h", {"ob": None, "q": "1"})]),
        ("<sip:a@h>,,<sip:b@h>,", [("sip:a@h", {}), ("sip:b@h", {})]),
        ("<tel:+4930123>;expires=7", [("tel:+4930123", {"expires": "7"})]),
    ],
)  # fmt: skip
def test_contacts_are_read(text: str, contacts: list[tuple[str, dict[str, str | None]]]) -> None:
    assert read_contacts(text) == [HeaderContact(*one) for one in contacts]


@pytest.mark.parametrize(
    "text",
    ["", " , ", '"open <sip:a@h>', "<sip:a@h", "sip:a@h>", "<>;expires=1", "<sip:a@h> rest",
     ",".join(["<sip:a@h>"] * 33)],
)  # fmt: skip
def test_invalid_header_is_refused(text: str) -> None:
    with pytest.raises(MalformedUri):
        read_contacts(text)


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("<sip:a@h>, <>, <sip:b@h> x, sip:c@h", ["sip:a@h", None, None, "sip:c@h"]),
        ('<sip:a@h>;q=1, "Bob <sip:b@h>, <sip:c@h>', ["sip:a@h", None]),
        ("<sip:a@h>, <sip:b@h, <sip:c@h>", ["sip:a@h", None]),
        (",".join(["<sip:a@h>"] * 40), ["sip:a@h"] * 32 + [None]),
    ],
)  # fmt: skip
def test_unreadable_contact_does_not_affect_others(text: str, read: list[str | None]) -> None:
    found = [None if isinstance(one, UnreadableContact) else one.uri for one in read_each(text)]
    assert found == read


def test_granted_expires_is_read_beside_unreadable_contacts() -> None:
    (requested,) = read_contacts("<sip:a@h>")
    assert granted_to(requested, "<>, <sip:a@h>;expires=60") == 60


def test_instance_must_be_utf_8() -> None:
    (one,) = read_contacts('<sip:a@h>;+sip.instance="<urn:\udce9>";reg-id=1')
    assert one.instance is None


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("600", 600), (" 0 ", 0), ("4294967295", EXPIRES_MAX), ("9999999999", EXPIRES_MAX),
     ("99999999999", None), ("3600;x=1", None), ("-1", None), ("abc", None), ("", None),
     (None, None), ("1.5", None), ("٣", None)],
)  # fmt: skip
def test_expires_is_a_number_or_absent(text: str | None, seconds: int | None) -> None:
    assert read_expires(text) == seconds


def test_instance_and_reg_id_are_read() -> None:
    (one,) = read_contacts('<sip:a@h>;+sip.instance="<urn:uuid:1>";reg-id=01;expires=x')
    assert (one.instance, one.reg_id, one.expires) == ("urn:uuid:1", 1, None)
    (none,) = read_contacts("<sip:a@h>;+sip.instance=urn;reg-id=0")
    assert (none.instance, none.reg_id) == (None, None)


def test_star_is_no_contact() -> None:
    assert is_star(" * ")
    assert not is_star("<sip:*@h>")
