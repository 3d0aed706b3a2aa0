"""Contacts of registrars' tables that are long or of another scheme: shown, bounded, marked."""

import pytest

from producers.stored_contact import read_stored
from schemas.sip_uri import MAX_LENGTH, MalformedUri
from schemas.vocabulary import ContactForm

_LONG = "sip:bob@192.0.2.1:5060;pn-prid=" + "x" * 2000


def test_a_plain_contact_is_shown_as_it_is() -> None:
    read = read_stored("sip:Bob@Example.TEST:5060;transport=tcp")
    assert read.uri == "sip:Bob@Example.TEST:5060;transport=tcp"
    assert read.identity == "sip:Bob@example.test:5060;transport=tcp"
    assert read.form is None


@pytest.mark.parametrize("text", [_LONG, f'"Bob" <{_LONG}>'])
def test_a_long_contact_is_cut_and_marked(text: str) -> None:
    read = read_stored(text)
    assert read.form is ContactForm.TRUNCATED
    assert read.uri == _LONG[:MAX_LENGTH]
    assert len(read.identity) <= MAX_LENGTH


def test_long_contacts_that_differ_at_their_end_are_two() -> None:
    assert read_stored(_LONG + "1").identity != read_stored(_LONG + "2").identity


def test_a_telephone_number_is_shown_and_marked() -> None:
    read = read_stored("tel:+49-30-123;phone-context=example.test")
    assert read.form is ContactForm.NOT_SIP
    assert read.uri == read.identity == "tel:+49-30-123;phone-context=example.test"


@pytest.mark.parametrize("text", ["", "bob", "tel:", "tel:1 2", "sip:a@h:0", "sip:a@b@c", "*"])
def test_what_is_no_contact_is_refused(text: str) -> None:
    with pytest.raises(MalformedUri):
        read_stored(text)
