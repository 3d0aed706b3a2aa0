"""Report 19: Verto clients log in and never REGISTER (signalwire/freeswitch#608, #571)."""

from collections.abc import Iterator

import pytest

from producers.freeswitch.listing import ListingUnreadable
from producers.freeswitch.verto_listing import read_verto
from schemas.vocabulary import Cause, ContactForm, Status, Transport
from tests.freeswitch_answers import verto
from tests.unit.freeswitch_switch import DOMAIN, FakeSwitch

ADDRESS, ELSEWHERE = "192.0.2.53:63378", "[2001:db8::53]:63379"
NAME = f"1008@{DOMAIN}"


@pytest.fixture
def switch() -> Iterator[FakeSwitch]:
    with FakeSwitch() as running:
        yield running


def _log_in(
    switch: FakeSwitch, login: str = NAME, address: str = ADDRESS, session: str = "s-1", **more: str
) -> None:
    switch.send(
        **{
            "Event-Subclass": "verto::login",
            "verto_profile_name": "lan",
            "verto_client_address": address,
            "verto_login": login,
            "verto_sessid": session,
            "verto_success": "1",
            **more,
        }
    )


def _leave(switch: FakeSwitch, name: str = NAME, address: str = ADDRESS) -> None:
    switch.send(
        **{
            "Event-Subclass": "verto::client_disconnect",
            "verto_profile_name": "lan",
            "verto_client_address": address,
            "verto_login": name,
        }
    )


def _count(switch: FakeSwitch, user: str, number: int) -> None:
    switch.beside.when(lambda: len(switch.beside.contacts(user)) == number, f"{number} of {user}")


def test_a_client_is_reachable_from_its_login_to_its_connections_end(switch: FakeSwitch) -> None:
    switch.answer((NAME, ADDRESS))
    _log_in(switch)
    _count(switch, "1008", 1)
    state = switch.beside.presence("1008")
    assert state is not None
    (binding,) = state.bindings
    assert (state.status, state.cause) == (Status.ONLINE, Cause.REGISTERED)
    assert (binding.contact, binding.contact_form) == (f"verto.rtc/{NAME}", ContactForm.NOT_SIP)
    assert binding.remote is not None
    assert (binding.remote.ip, binding.remote.port) == ("192.0.2.53", 63378)
    assert binding.transport is Transport.WS, "the profile listens for nothing else"
    switch.answer()
    _leave(switch)
    _count(switch, "1008", 0)
    state = switch.beside.presence("1008")
    assert state is not None
    assert (state.status, state.cause) == (Status.OFFLINE, Cause.CONNECTION_CLOSED)


def test_each_session_has_its_own_end(switch: FakeSwitch) -> None:
    switch.answer((NAME, ADDRESS), (NAME, ELSEWHERE))
    _log_in(switch)
    _log_in(switch, address=ELSEWHERE, session="s-2")
    _count(switch, "1008", 2)
    _leave(switch, address=ADDRESS)
    _count(switch, "1008", 1)
    state = switch.beside.presence("1008")
    assert state is not None
    assert [b.remote.ip for b in state.bindings if b.remote] == ["2001:db8::53"]


def test_a_session_on_a_new_connection_ends_the_old_one(switch: FakeSwitch) -> None:
    """attach_jsock in mod_verto.c: the older connection is dropped, and reported so later."""
    switch.answer((NAME, ADDRESS))
    _log_in(switch)
    _count(switch, "1008", 1)
    switch.answer((NAME, ADDRESS), (NAME, ELSEWHERE))
    _log_in(switch, address=ELSEWHERE)
    switch.beside.when(
        lambda: [b.remote.ip for b in switch.beside.presence("1008").bindings] == ["2001:db8::53"]  # type: ignore[union-attr]  # all have one
    )
    _leave(switch, address=ADDRESS)
    switch.answer((NAME, ELSEWHERE))
    _log_in(switch, "1009@x.test", "192.0.2.9:1", "s-9")  # after it, so that it has been read
    _count(switch, "1009", 1)
    assert len(switch.beside.contacts("1008")) == 1


@pytest.mark.parametrize("login", ["1008", "1008@public.example.org"])
def test_the_listing_names_the_user_where_the_profile_forces_a_domain(
    switch: FakeSwitch, login: str
) -> None:
    switch.answer((NAME, ADDRESS), (f"1009@{DOMAIN}", ELSEWHERE))
    _log_in(switch, login)

    def reachable() -> set[str]:
        newest = {p.aor: p.reachable for p in switch.beside.pipeline.published}
        return {aor for aor, is_reachable in newest.items() if is_reachable}

    everybody = {f"sip:1008@{DOMAIN}", f"sip:1009@{DOMAIN}"}
    switch.beside.when(lambda: reachable() == everybody, "both")
    asked = switch.switch.asked.count("verto xmlstatus")
    _log_in(switch, login.replace("1008", "1010"), "192.0.2.10:1", "s-10")
    switch.beside.when(lambda: reachable() == everybody | {f"sip:1010@{DOMAIN}"}, "the next one")
    assert switch.switch.asked.count("verto xmlstatus") == asked, "known by now"


@pytest.mark.parametrize(
    "more", [{"verto_success": "0"}, {"verto_client_address": "nowhere"}, {"verto_login": "a b@"}]
)
def test_an_unusable_login_shows_no_user(switch: FakeSwitch, more: dict[str, str]) -> None:
    _log_in(switch, **more)
    switch.answer((f"1009@{DOMAIN}", ELSEWHERE))
    _log_in(switch, f"1009@{DOMAIN}", ELSEWHERE, "s-9")
    _count(switch, "1009", 1)
    assert {p.aor for p in switch.beside.pipeline.published} == {f"sip:1009@{DOMAIN}"}
    expected = [] if "verto_success" in more else [next(iter(more))]
    assert [field for _, field in switch.beside.collector.dead_letters] == expected


def test_a_listing_is_read_whole_or_not_at_all() -> None:
    listing = read_verto(verto((NAME, ADDRESS), secure=True))
    assert (listing.transports, listing.ports) == ({"lan": {Transport.WSS}}, {8081})
    assert [(c.name, c.connection.address) for c in listing.clients] == [(NAME, ADDRESS)]
    anonymous = verto(("(null)@(null)", ADDRESS)).replace("CONN_REG", "CONN_NO_REG")
    assert read_verto(anonymous).clients == []
    for broken in (
        verto((NAME, ADDRESS))[:-20],
        verto((f"{NAME}\n<x>", ADDRESS)),
        "Unknown Command [xmlstatus]\n",
    ):
        with pytest.raises(ListingUnreadable):
            read_verto(broken)
