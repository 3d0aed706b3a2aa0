"""The torture messages of RFC 4475 through the readers: the right user and contacts, or why not."""

from typing import NamedTuple

import pytest

from producers.sip_proxy.contact_header import read_contacts, read_expires
from producers.stored_contact import read_stored
from schemas.sip_uri import MalformedUri, aor_of
from tests.corpus import messages, torture

_CALLER = "amazinglylongcallername" * 5
# Message → the AOR of its To.
USERS = {
    "badaspec": "sip:t.watson@example.org",
    "badbranch": "sip:user@example.com",
    "baddate": "sip:user@example.com",
    "baddn": "sip:t.watson@example.org",
    "badinv01": "sip:j.user@example.com",
    "badvers": "sip:t.watson@example.org",
    "bcast": "sip:user@example.edu",
    "bext01": "sip:j_user@example.com",
    "bigcode": "sip:user@example.edu",
    "clerr": "sip:j.user@example.com",
    "cparam01": "sip:watson@example.com",
    "cparam02": "sip:watson@example.com",
    "dblreq": "sip:j.user@example.com",
    "esc01": "sip:user@example.com",
    "esc02": "sip:resource@example.com",
    "escnull": "sip:null-%00-null@example.com",
    "escruri": "sip:user@example.com",
    "intmeth": "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*@example.com",
    "inv2543": "sip:+16505552222@ss1.example.net",
    "invut": "sip:j.user@example.com",
    "longreq": "sip:user@example.com",
    "ltgtruri": "sip:user@example.com",
    "lwsdisp": "sip:user@example.com",
    "lwsruri": "sip:user@example.com",
    "lwsstart": "sip:user@example.com",
    "mcl01": "sip:user@example.com",
    "mismatch01": "sip:j.user@example.com",
    "mismatch02": "sip:j.user@example.com",
    "mpart01": "sip:kumiko@example.org",
    "multi01": "sip:user@example.com",
    "ncl": "sip:j.user@example.com",
    "noreason": "sip:user@example.edu",
    "novelsc": "sip:user@example.com",
    "regaut01": "sip:j.user@example.com",
    "regbadct": "sip:user@example.com",
    "regescrt": "sip:user@example.com",
    "scalar02": "sip:user@example.com",
    "scalarlg": "sip:user@example.com",
    "sdp01": "sip:j_user@example.com",
    "semiuri": "sip:j_user@example.com",
    "transports": "sip:user@example.com",
    "trws": "sip:remote-target@example.com",
    "unkscm": "sip:user@example.com",
    "unreason": "sip:user@example.edu",
    "wsinv": "sip:vivekg@chair-dnrc.example.com",
    "zeromf": "sip:user@example.com",
}
# Those whose To is no user's.
NO_USER = {
    "insuf": None,  # no To
    "quotbal": "display name is not followed by <address>",
    "unksm2": "not a sip: or sips: URI",
}


class Contact(NamedTuple):
    """`expires` of the contact itself."""

    identity: str
    expires: int | None = None


CONTACTS = {
    "baddate": [Contact("sip:caller@host5.example.net")],
    "badinv01": [Contact("sip:joe@example.org")],
    "bcast": [Contact("sip:user@host28.example.com")],
    "bigcode": [Contact("sip:user@host105.example.com")],
    "clerr": [Contact("sip:caller@hungry.example.net")],
    # Without <> the parameter is the header's (§3.3.12), with them the URI's (§3.3.13).
    "cparam01": [Contact("sip:+19725552222@gw1.example.net")],
    "cparam02": [Contact("sip:+19725552222@gw1.example.net;unknownparam")],
    "dblreq": [Contact("sip:j.user@host.example.com")],
    # %25%34%31 is read once, and is %41, not A.
    "esc01": [Contact("sip:caller@host5.example.net;lr;name=value%2541")],
    # C%6Fntact is no Contact header.
    "esc02": [Contact("sip:alias1@host1.example.com"), Contact("sip:alias3@host3.example.com")],
    "escnull": [Contact("sip:%00@host5.example.com"), Contact("sip:%00%00@host5.example.com")],
    "escruri": [Contact("sip:caller@host39923.example.net")],
    "invut": [Contact("sip:caller@host5.example.net")],
    "longreq": [Contact(f"sip:{_CALLER}@host5.example.net")],
    "ltgtruri": [Contact("sip:caller@host5.example.net")],
    "lwsruri": [Contact("sip:caller@host1.example.net")],
    "lwsstart": [Contact("sip:caller@host1.example.net")],
    "mismatch02": [Contact("sip:caller@host.example.net")],
    "mpart01": [Contact("sip:fluffy@127.0.0.1:5070")],
    "multi01": [Contact("sip:caller@host25.example.net"), Contact("sip:caller@host36.example.net")],
    "ncl": [Contact("sip:caller@example53.example.net")],
    "noreason": [Contact("sip:user@host105.example.com")],
    "quotbal": [Contact("sip:caller@host59.example.net")],
    # ?headers are no part of the identity, with <> or (against the grammar) without.
    "regbadct": [Contact("sip:user@example.com")],
    "regescrt": [Contact("sip:user@example.com")],
    # 280297596632815 s is beyond RFC 3261's range: the registrar's default counts.
    "scalar02": [Contact("sip:user@host129.example.com", None)],
    "sdp01": [Contact("sip:caller@host15.example.net")],
    "unreason": [Contact("sip:user@host198.example.com")],
    "wsinv": [Contact("sip:jdrosen@example.com")],
}


def message(name: str) -> messages.Message:
    return messages.parse(torture.message(name))


def test_all_messages_of_the_rfc_are_in_the_corpus() -> None:
    assert len(torture.names()) == 49
    assert set(torture.names()) == USERS.keys() | NO_USER.keys()


@pytest.mark.parametrize("name", torture.names())
def test_user_of_each_message(name: str) -> None:
    text = message(name).first("to")
    if name in USERS:
        assert text is not None
        assert aor_of(text) == USERS[name]
    elif text is not None:
        with pytest.raises(MalformedUri, match=NO_USER[name]):
            aor_of(text)


@pytest.mark.parametrize("name", torture.names())
def test_contacts_of_each_message(name: str) -> None:
    text = message(name).contacts
    if name == "unksm2":
        (one,) = read_contacts(text)
        with pytest.raises(MalformedUri, match="not a sip: or sips: URI"):
            read_stored(one.uri)
        return
    found = [] if not text else read_contacts(text)
    assert [Contact(read_stored(c.uri).identity, c.expires) for c in found] == CONTACTS.get(
        name, []
    )


def test_number_out_of_range_is_none() -> None:
    assert read_expires(message("scalar02").first("expires")) is None


def test_empty_parameter_is_none() -> None:
    (one,) = read_contacts(message("badinv01").contacts)
    assert one.parameters == {}


@pytest.mark.parametrize(
    ("name", "length"),
    [("wsinv", 150), ("unreason", 154), ("mpart01", 244), ("ltgtruri", 159), ("insuf", 152)],
)
def test_bytes_are_the_rfcs(name: str, length: int) -> None:
    """The messages' own Content-Length holds: no byte was lost on the way."""
    read = message(name)
    assert read.first("content-length") == str(length)
    assert len(read.body) == length


def test_control_characters_and_white_space_are_kept() -> None:
    assert b'"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f"' in torture.message("intmeth")
    assert torture.message("trws").startswith(
        b"OPTIONS sip:remote-target@example.com SIP/2.0  \r\n"
    )
    assert message("scalar02").first("expires") == "1" + "0" * 100
