"""The reverse look-up: by contact in any of its forms, by address, also after changes."""

import pytest

from schemas.codec import decode, encode
from schemas.origin import Address
from schemas.presence import Presence
from sinks.gateway.hub import Hub
from sinks.gateway.lookup.index import Index
from sinks.gateway.lookup.matching import SoughtAddress, Wanted, address_in
from sinks.gateway.message import Message, presence_message, removal_message
from tests.user_center import presence

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"


def record(aor: str, version: int, contact: str, ip: str, port: int) -> Message:
    found = presence(aor, version)
    found.bindings[0].contact, found.bindings[0].remote = contact, Address(ip=ip, port=port)
    return presence_message(encode(found), 0.0)


class Lab:
    """A hub with its index, changed as the gateway changes them."""

    def __init__(self) -> None:
        self.hub = Hub()
        self.index = Index(self.hub)

    def apply(self, message: Message) -> None:
        old, position = self.hub.get(message.aor), self.hub.position(message.aor)
        if not message.version:
            self.hub.remove(message)
            self.index.change(old, None, position)
        elif self.hub.change(message):
            self.index.change(old, message, self.hub.position(message.aor))

    def find(self, wanted: Wanted, domain: str | None = None, after: str | None = None) -> set[str]:
        while self.index.hash_some():
            pass
        found = self.index.at_key(wanted.key, after, domain)
        return {one.aor for one in found if wanted.has(decode(Presence, one.value))}


def by_address(ip: str, port: int | None = None) -> Wanted:
    return Wanted(None, SoughtAddress(ip, port))


def test_users_are_found_by_contact_and_address_and_no_longer_once_they_moved() -> None:
    lab = Lab()
    lab.apply(record(ANN, 1, "sip:ann@192.0.2.1:5060;transport=tcp;ob", "192.0.2.1", 5060))
    lab.apply(record(BOB, 1, "sip:bob@10.0.0.1", "192.0.2.1", 41000))
    assert lab.find(Wanted("sip:ann@192.0.2.1:5060;ob;Transport=TCP", None)) == {ANN}
    assert lab.find(by_address("192.0.2.1")) == {ANN, BOB}
    assert lab.find(by_address("192.0.2.1", 41000)) == {BOB}
    both = Wanted("sip:bob@10.0.0.1", SoughtAddress("192.0.2.1", 5060))
    assert lab.find(both) == set(), "another port than the contact's binding"
    lab.apply(record(EVE, 1, "sip:bob@10.0.0.1", "192.0.2.1", 5060))
    assert lab.find(by_address("192.0.2.1", 5060)) == {ANN, EVE}
    assert lab.find(by_address("192.0.2.1", 5060), "two.test") == {EVE}
    lab.apply(record(ANN, 3, "sip:ann@192.0.2.1:5060", "198.51.100.7", 5060))
    assert lab.find(by_address("192.0.2.1", 5060)) == {EVE}
    assert lab.find(by_address("198.51.100.7")) == {ANN}
    lab.apply(removal_message(EVE, 0.0))
    lab.apply(removal_message(BOB, 0.0))
    assert lab.find(by_address("192.0.2.1")) == set()
    lab.apply(record(EVE, 1, "verto.rtc/eve@two.test", "2001:db8::1", 1))
    assert lab.find(Wanted("verto.rtc/eve@two.test", None)) == {EVE}
    assert lab.find(by_address("2001:db8::1")) == {EVE}


def test_changes_while_the_index_is_made_are_in_it() -> None:
    lab = Lab()
    for number in range(100):
        lab.apply(record(f"sip:{number}@one.test", 1, f"sip:{number}@10.0.0.1", "10.0.0.1", 5060))
    assert lab.index.hash_some(), "not all at once"
    moved = [f"sip:{number}@one.test" for number in (3, 97)]
    for aor in moved:
        lab.apply(record(aor, 3, "sip:x@10.0.0.2", "10.0.0.2", 5060))
    lab.apply(record(ANN, 1, "sip:x@10.0.0.2", "10.0.0.2", 5060))
    assert lab.find(Wanted("sip:x@10.0.0.2", None)) == {*moved, ANN}
    assert len(lab.find(by_address("10.0.0.1"))) == 98


@pytest.mark.parametrize(
    ("text", "ip", "port"),
    [
        ("192.0.2.1", "192.0.2.1", None),
        ("192.0.2.1:5060", "192.0.2.1", 5060),
        ("2001:DB8:0::1", "2001:db8::1", None),
        ("[2001:db8::1]:5060", "2001:db8::1", 5060),
        ("[2001:db8::1]", "2001:db8::1", None),
    ],
)
def test_addresses_are_read_in_each_usual_form(text: str, ip: str, port: int | None) -> None:
    assert address_in(text) == SoughtAddress(ip, port)


@pytest.mark.parametrize(
    "text", ["", "phone.test", "192.0.2.1:", "192.0.2.1:65536", "[::1", "[::1]5060", "1.2.3.4:²"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"address|port|IP"):
        address_in(text)
