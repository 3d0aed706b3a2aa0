"""What a real OpenSIPS lists of a user is what a subscriber reads, however usrloc is configured.

The producer and the streams are in this process; periodic listings are off.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from schemas.vocabulary import NodeKind, RegistrationKind
from tests.eventually import eventually
from tests.integration.sip_client import DOMAIN
from tests.live.opensips_lab import Lab
from tests.live.opensips_server import DATABASE, MEMORY, OpenSipsServer

PUSH = ";pn-provider=apns;pn-prid=ABC;pn-param=t.app"
BY_PUSH = ["pn-provider", "pn-prid", "pn-param"]
PUSH_ON = """
modparam("registrar", "pn_enable", 1)
modparam("registrar", "pn_providers", "apns,fcm")
"""
BY_CALL_ID = MEMORY + 'modparam("usrloc", "matching_mode", 1)\n'
ONLY_ONE = 'save("location", "max-contacts=1,force-registration")'
LONG_TIMER = 'modparam("usrloc", "timer_interval", 60)\n'

Open = Callable[..., Lab]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Open]:
    """`lab(usrloc=…, registrar=…, save=…, **settings)`."""
    with ExitStack() as stack:

        def opened(**given: Any) -> Lab:
            server = {
                name: given.pop(name) for name in ("usrloc", "registrar", "save") & given.keys()
            }
            one = Lab(OpenSipsServer(tmp_path, **server), **given)
            stack.callback(one.stop)
            return one

        yield opened


PRESETS = {
    "memory": MEMORY,
    "write-through": DATABASE % "single-instance-sql-write-through",
    "write-back": DATABASE % "single-instance-sql-write-back",
    "sql-only": DATABASE % "sql-only",
}


@pytest.fixture(params=list(PRESETS.values()), ids=list(PRESETS))
def usrloc(request: pytest.FixtureRequest) -> str:
    preset: str = request.param
    return preset


def test_one_contact_a_user(lab: Open, usrloc: str) -> None:
    """The second device replaces the first: usrloc raises its DELETE, or does so late."""
    one = lab(usrloc=usrloc, save=ONLY_ONE)
    devices = [one.device("alice") for _ in range(3)]
    for device in devices:
        assert "200 OK" in device.registers()
        eventually(lambda: one.shown("alice"), what="shown")
        one.agrees("alice")
    assert len(one.listed("alice")) == 1
    devices[-1].unregister()
    one.agrees("alice", 4)  # write-back reports with its timer
    assert one.shown("alice") == []


def test_what_write_back_replaces_is_not_shown_until_its_timer(lab: Open) -> None:
    usrloc = DATABASE % "single-instance-sql-write-back"
    one = lab(usrloc=usrloc, save=ONLY_ONE, max_contacts=1)
    first = one.device("alice")
    first.registers()
    eventually(lambda: one.shown("alice"))
    # Only what is in the database already is left to the timer.
    one.mi.call("ul_flush")
    one.device("alice").registers()
    one.agrees("alice")
    assert len(one.shown("alice")) == 1


def test_calls_and_listings_of_a_database_change_nothing(lab: Open) -> None:
    one = lab(usrloc=PRESETS["sql-only"])
    alice, bob = one.device("alice", udp=False), one.device("bob")
    for device in (alice, bob):
        device.registers()
        one.is_shown(device.user)
    known = one.producer.intake.context
    eventually(lambda: known.in_database, what="the producer finds it out")
    before = len(one.events("registrations"))
    for user in ("alice", "bob"):
        raised = one.producer.intake.events
        one.listed(user)  # which reads them from the database, as a lookup does
        one.raises_more_than(raised)
    one.producer._listings.ask()
    one.agrees("alice")
    one.agrees("bob")
    assert len(one.events("registrations")) == before
    marks = [event.kind for event in one.events("nodes")]
    assert marks.count(NodeKind.UP) == 1


def test_a_database_is_read_again_after_a_restart(lab: Open) -> None:
    one = lab(usrloc=PRESETS["sql-only"])
    alice, bob = one.device("alice", udp=False), one.device("bob")
    for device in (alice, bob):
        device.registers()
        one.is_shown(device.user)
    # uptime names a process by the second of its start.
    eventually(lambda: not one.mi.call("uptime")["Up time"].startswith("0 "))
    one.server.stop()
    one.server.start()
    eventually(lambda: one.shown("alice") == [], what="its connection ended")
    assert one.listed("alice"), "usrloc still has it"
    assert one.shown("bob") == one.listed("bob")
    eventually(lambda: bob.registers().startswith("SIP/2.0 200"))
    one.agrees("bob")
    assert one.shown("alice") == []


def test_a_producer_that_starts_beside_a_database_takes_nobody_offline(lab: Open) -> None:
    one = lab(usrloc=PRESETS["sql-only"])
    alice = one.device("alice")
    alice.registers()
    eventually(lambda: one.shown("alice"))
    one.stop_producer()
    one.start()
    for _ in range(3):
        alice.registers()
        eventually(lambda: one.events("registrations"))
        one.agrees("alice")
    assert RegistrationKind.SNAPSHOT_ENDED not in {e.kind for e in one.events("registrations")}


@pytest.mark.parametrize(
    ("has_mi", "match_params"),
    [(True, []), (True, BY_PUSH), (False, BY_PUSH), (False, [])],
    ids=["mi", "mi-params", "params", "neither"],
)
def test_a_push_contact_moves(
    lab: Open, usrloc: str, match_params: list[str], *, has_mi: bool
) -> None:
    if not has_mi and "sql-only" in usrloc:
        pytest.skip("the database keeps the old URI, and only MI shows it: docs/opensips.md")
    one = lab(usrloc=usrloc, registrar=PUSH_ON, has_mi=has_mi, match_params=match_params)
    phone = one.device("alice")
    for port in (phone.port, 7777, 7778):
        assert "200 OK" in phone.registers(f"<sip:alice@127.0.0.1:{port}{PUSH}>")
        eventually(lambda: one.shown("alice"))
        one.agrees("alice")
    other = one.device("alice")
    other.registers(f"<sip:alice@127.0.0.1:{other.port}{PUSH}2>")
    eventually(lambda: len(one.shown("alice")) == 2)
    one.agrees("alice")


@pytest.mark.parametrize("matching", ["contact", "contact-callid"])
@pytest.mark.parametrize("first", [0, 1])
def test_one_contact_by_two_call_ids(lab: Open, matching: str, first: int) -> None:
    """With matching_mode 1 they are two; without the setting MI's listing shows it."""
    one = lab(usrloc=BY_CALL_ID, matching=matching)
    header = "<sip:alice@127.0.0.1:6000>"
    devices = [one.device("alice"), one.device("alice")]
    for device in devices:
        device.registers(header)
    eventually(lambda: len(one.shown("alice")) == 2)
    assert len(one.listed("alice")) == 2
    devices[first].registers(header, 0)
    eventually(lambda: one.shown("alice") == one.listed("alice"))
    devices[1 - first].registers(header, 0)
    eventually(lambda: one.shown("alice") == one.listed("alice") == [])


CONTACTS = [
    "sip:x@127.0.0.1:6001;expires=100",
    '"A, B;<x>" <sip:x@127.0.0.1:6002;ob>;expires=99, <sip:x2@127.0.0.1:6003>;q=0.1',
    "<sip:x@127.0.0.1:6004>\r\nm: <sip:x@127.0.0.1:6005>",
    "<sips:x@127.0.0.1:6006>",
    "<sip:x@[::1]:6007;transport=tcp>",
    "<sip:%2B49@127.0.0.1>",
    "<sip:x@abc.invalid;transport=ws>",
    "<tel:+4930123>",
    "<sip:127.0.0.1:6008>",
    "<sip:x@127.0.0.1:6009>;expires=abc",
    '<sip:x@127.0.0.1:6010>;+sip.instance="<urn:uuid:1>";reg-id=1',
]


def test_contacts_of_all_forms(lab: Open, usrloc: str) -> None:
    one = lab(usrloc=usrloc)
    for number, header in enumerate(CONTACTS):
        device = one.device(f"user{number}")
        assert "200 OK" in device.registers(header), header
        one.is_shown(device.user)
        one.agrees(device.user)
    device = one.device("moves")
    device.registers("<sip:m@127.0.0.1:6001>")
    device.registers("<sip:m@127.0.0.1:6001;ob>")  # the same by RFC 3261 §19.1.4
    device.registers("<sip:m@127.0.0.1:6002>, <sip:m@127.0.0.1:6001>;expires=0")
    eventually(lambda: one.shown("moves") == ["sip:m@127.0.0.1:6002"])
    one.agrees("moves")
    assert not one.publisher.dead_letters


@pytest.mark.parametrize("case_sensitive", [True, False])
def test_names_that_usrloc_decodes(lab: Open, *, case_sensitive: bool) -> None:
    registrar = f'modparam("registrar", "case_sensitive", {int(case_sensitive)})'
    one = lab(registrar=registrar, case_sensitive=case_sensitive)
    names = {"john%40corp.com": "john%40corp.com", "john%20doe": "john%20doe", "x%3Ay": "x%3Ay"}
    names |= {"plus%2Buser": "plus+user", "Alice": "Alice" if case_sensitive else "alice"}
    for name, user in names.items():
        device = one.device(name)
        device.registers()
        one.is_shown(user)
    one.producer._listings.ask()
    eventually(
        lambda: RegistrationKind.SNAPSHOT_ENDED in {e.kind for e in one.events("registrations")}
    )
    assert {p.aor for p in one.pipeline.published} == {f"sip:{u}@{DOMAIN}" for u in names.values()}
    assert not one.publisher.dead_letters


def test_an_edge_reads_every_contact_header(tmp_path: Path) -> None:
    with ExitStack() as stack:
        for name in ("registrar", "edge"):
            (tmp_path / name).mkdir()
        behind = OpenSipsServer(tmp_path / "registrar")
        stack.callback(behind.stop)
        one = Lab(OpenSipsServer(tmp_path / "edge", registrar_port=behind.port), has_mi=False)
        stack.callback(one.stop)
        alice = one.device("alice", udp=False)
        long = f"sip:alice@127.0.0.1:6004;x={'y' * 600}"
        for header, contacts in (
            ("sip:alice@127.0.0.1:6001;expires=100", ["sip:alice@127.0.0.1:6001"]),
            (
                '"A, B" <sip:alice@127.0.0.1:6001>;expires=0\r\nm: <sip:alice@127.0.0.1:6002>',
                ["sip:alice@127.0.0.1:6002"],
            ),
            (f"<{long}>", ["sip:alice@127.0.0.1:6002", long]),
        ):
            assert "200 OK" in alice.registers(header)
            one.is_shown("alice", contacts)
        assert "200 OK" in alice.registers("*", 0)
        eventually(lambda: one.shown("alice") == [])
        assert not one.publisher.dead_letters
