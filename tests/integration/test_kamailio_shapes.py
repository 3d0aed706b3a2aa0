"""Real clients' REGISTERs and RFC 4475's messages at a real Kamailio: presence is its table's.

Raw bytes over UDP and TCP. Whatever the server makes of a message, presence shows what its table
holds of that user; what no record can hold is a dead letter with the reason.
"""

from collections.abc import Iterator

import pytest

from tests.corpus.playing import Played
from tests.corpus.shapes import Shape, registers
from tests.eventually import eventually
from tests.registrars.kamailio import Kamailio
from tests.registrars.kamailio_options import KamailioOptions

# RFC 4475's REGISTERs that Kamailio 5.6 stores.
STORED = {"cparam01", "cparam02", "dblreq", "regbadct", "regescrt"}
# Contacts that usrloc stores and no record can hold.
UNREADABLE = {"port-zero", "port-too-large", "mail-as-contact", "space-in-uri", "two-at-signs"}


@pytest.fixture(scope="module")
def registrar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kamailio]:
    running = Kamailio(tmp_path_factory.mktemp("shapes"), KamailioOptions())
    yield running
    running.stop()


@pytest.fixture(scope="module", params=["udp", "tcp"])
def played(request: pytest.FixtureRequest, registrar: Kamailio) -> Iterator[Played]:
    running = Played(registrar, request.param)
    yield running
    running.close()


def test_presence_is_what_the_table_holds(played: Played) -> None:
    eventually(lambda: not played.wrong(), 5, what="presence equals the table")
    assert len([one for one in played.sent if played.rows(one)]) >= 150


def test_table_holds_the_expected_contacts(played: Played) -> None:
    """The corpus is right about what a registrar binds, and of RFC 4475 we know all that it is."""
    shapes: dict[str, Shape] = {shape.name: shape for shape in registers()}
    for one in played.sent:
        stored = sorted(row.contact for row in played.rows(one))
        if one.name not in shapes:
            assert bool(stored) == (one.name in STORED), one
        elif one.status != 200:
            assert stored == [], one
        elif not shapes[one.name].refused:
            requested = {each.uri: each.expires for each in shapes[one.name].contacts}
            assert stored == sorted(uri for uri, expires in requested.items() if expires != 0), one


def test_contact_that_no_record_can_hold_is_a_dead_letter(
    registrar: Kamailio, played: Played
) -> None:
    assert {one.name for one in played.sent if played.difference(one).unreadable} == UNREADABLE
    letters = [
        (letter.field, letter.payload)
        for token in ("", *(one.token for one in played.sent))
        for letter in registrar.view.dead_letters(token)
    ]
    expected = {
        ("addr", b":0"),  # rows of the table
        ("addr", b":70000"),
        ("addr", b"mailto:"),
        ("addr", b"odd 838@"),
        ("addr", b"odd839@corp.example@"),
        ("aor", b"unksm2."),  # RFC 4475's REGISTERs that Kamailio refused
        ("cseq", b"scalar02."),
    }
    assert {one for one in expected for letter in letters if is_about(letter, one)} == expected
    # The same rows in a listing.
    others = [one for one in letters if not any(is_about(one, each) for each in expected)]
    assert {field for field, _ in others} <= {"Address"}


def is_about(letter: tuple[str | None, bytes], expected: tuple[str, bytes]) -> bool:
    return letter[0] == expected[0] and expected[1] in letter[1]
