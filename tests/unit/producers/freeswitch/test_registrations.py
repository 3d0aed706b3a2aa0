"""Registrations in every capture against what the clients really did."""

from collections import Counter
from datetime import timedelta

import pytest

from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from schemas.codec import InvalidRecord
from schemas.registration import RegistrationEvent
from schemas.sip_uri import binding_identity
from schemas.topics import CONNECTIONS, REGISTRATIONS
from schemas.vocabulary import ConnectionKind, ContactForm, RegistrationKind, Transport
from tests.unit.freeswitch_capture import MARGIN, NAMES, of_topic, switch_events, truth

K = RegistrationKind
DOMAIN = "sip.example.test"
_CLOCK_LAG = timedelta(seconds=1)


def _accepted(name: str) -> list[dict[str, object]]:
    """Every REGISTER of the truth that a 200 answered and that carried a contact."""
    return [
        entry
        for entry in truth(name)
        if entry.get("code") == 200
        and "expires" in entry
        and "call_id" in entry
        and "contact" in entry
        and entry.get("contact") != "*"
        and "frm" not in entry
    ]


@pytest.mark.parametrize("name", NAMES)
def test_every_accepted_register_gives_one_record(name: str) -> None:
    """Who, which contact and which Call-ID: as the clients sent them, in their order."""
    published = [
        (event.aor, event.binding, event.call_id, event.kind is K.UNREGISTERED)
        for event in of_topic(name, REGISTRATIONS)
        if event.kind in (K.REGISTERED, K.REFRESHED, K.UNREGISTERED)
    ]
    for entry in _accepted(name):
        first_contact = str(entry["contact"]).partition(";q=")[0]
        expected = (
            f"sip:{entry['user']}@{DOMAIN}",
            binding_identity(first_contact),
            entry["call_id"],
            entry["expires"] == 0,
        )
        assert expected in published
        published.remove(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("reg_tcp_multi", "registered=8 refreshed=2 unregistered=6 wildcard=2 expired=3"),
        ("reg_udp", "registered=4 refreshed=1 unregistered=3 expired=1"),
        ("reg_sockclose_on", "registered=5 refreshed=1 connection-lost=3 expired=2"),
        ("reg_sockclose_off", "registered=5 refreshed=1 connection-lost=1 expired=4"),
        ("reg_rst_netchange_off", "registered=17 refreshed=1 unregistered=1 expired=16"),
        ("reg_blind", "registered=4 unregistered=3"),
        ("reg_authfail", "refused=4"),
        ("options_ping", "registered=3 ping-lost=2 expired=2 unregistered=1"),
        ("restart_before", "registered=2"),
        ("restart_after", "registered=1 refreshed=1"),
        ("tp_error_classic", "registered=9 connection-lost=2"),
        ("calls", "registered=5 unregistered=4"),
    ],
)
def test_counts(name: str, expected: str) -> None:
    kinds = Counter(event.kind.value for event in of_topic(name, REGISTRATIONS))
    assert kinds == {
        kind: int(count) for kind, _, count in (p.partition("=") for p in expected.split())
    }


def test_expiry_is_when_the_switch_itself_drops_the_binding() -> None:
    """sofia::expire's own `expires` is what we foretold, to the second."""
    events: list[RegistrationEvent] = of_topic("reg_sockclose_off", REGISTRATIONS)
    last = {e.binding: e for e in events if e.kind in (K.REGISTERED, K.REFRESHED)}
    expired = [event for event in events if event.kind is K.EXPIRED]
    assert len(expired) == 4
    for event in expired:
        foretold = last[event.binding].expires_at
        assert foretold is not None
        assert event.expired_due is not None
        assert abs(event.expired_due - foretold) <= _CLOCK_LAG


def test_a_flush_shows_as_an_expiry_long_before_it_is_due() -> None:
    flushed = [e for e in of_topic("reg_tcp_multi", REGISTRATIONS) if e.kind is K.EXPIRED]
    assert [e.aor for e in flushed] == [f"sip:{u}@{DOMAIN}" for u in (1005, 1005, 1001)]
    assert all(e.expired_due - e.at > timedelta(minutes=50) for e in flushed)


def test_a_closed_socket_names_user_and_call_id_only() -> None:
    lost = [e for e in of_topic("reg_sockclose_on", REGISTRATIONS) if e.kind is K.CONNECTION_LOST]
    assert [e.aor for e in lost] == [f"sip:{u}@{DOMAIN}" for u in (1001, 1003, 1005)]
    for event in lost:
        assert event.call_id is not None
        assert event.contact is event.binding is event.transport is event.remote is None
        assert event.reason == "socket-disconnection"


def test_wildcard_is_no_contact() -> None:
    events = [e for e in of_topic("reg_tcp_multi", REGISTRATIONS) if e.kind is K.WILDCARD]
    assert {e.aor for e in events} == {f"sip:1001@{DOMAIN}"}
    assert all(e.contact is e.binding is None for e in events)


def test_refusals_name_the_aor_that_was_asked_for() -> None:
    """1003's credentials for 1002's AOR: the refusal is 1002's. An INVITE's is nobody's."""
    refused = of_topic("reg_authfail", REGISTRATIONS)
    assert [e.aor for e in refused] == [f"sip:{u}@{DOMAIN}" for u in (1001, 1001, 2999, 1002)]
    assert {e.status_code for e in refused} == {403}


def test_third_party_register_is_the_to_users() -> None:
    users = {e.aor for e in of_topic("reg_blind", REGISTRATIONS)}
    # The profile's force-register-domain puts it in the switch's own domain.
    assert users == {f"sip:5551@{DOMAIN}", f"sip:5552@{DOMAIN}"}


def test_pings_name_the_binding() -> None:
    lost = [e for e in of_topic("options_ping", REGISTRATIONS) if e.kind is K.PING_LOST]
    assert [e.binding for e in lost] == [
        "sip:1002@127.0.0.1:48102",
        "sip:1003@127.0.0.1:48103;transport=tcp",
    ]


def test_transport_is_the_contacts_else_the_switchs_view() -> None:
    registered = [e for e in of_topic("reg_sockclose_on", REGISTRATIONS) if e.kind is K.REGISTERED]
    transports = {e.remote.port: e.transport for e in registered}
    assert transports == {
        42001: Transport.TCP,
        42002: Transport.UDP,
        42003: Transport.WS,
        42004: Transport.UDP,  # over TCP, but its contact does not name it
        42005: Transport.TCP,
    }  # fmt: skip


def test_resets_name_their_connection() -> None:
    resets = of_topic("tp_error_classic", CONNECTIONS)
    assert [e.kind for e in resets] == [ConnectionKind.RESET] * 7
    assert resets[0].connection == "vm/127.0.0.1:49002"


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_from_the_source(name: str) -> None:
    for event in of_topic(name, REGISTRATIONS):
        assert event.id == f"vm/{event.boot}/{event.seq}"
    ids = [event.id for event in of_topic(name, REGISTRATIONS)]
    assert len(set(ids)) == len(ids)


def test_challenges_are_never_registrations() -> None:
    for name in NAMES:
        for event in switch_events(name, "sofia::pre_register", "sofia::register_attempt"):
            assert translation.translate(event, Context(None, MARGIN)) == []


def _register(**changed: object) -> SwitchEvent:
    headers = dict(switch_events("reg_tcp_multi", "sofia::register")[0].headers)
    headers.update({name.replace("_", "-"): value for name, value in changed.items()})
    return SwitchEvent({name: value for name, value in headers.items() if value is not None})


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"from_user": None}, "from-user"),
        ({"from_user": "a\udcff"}, "from-user"),
        ({"from_user": "x" * 2000}, "from-user"),
        ({"from_host": "ho st"}, "from-user"),
        ({"contact": None}, "contact"),
        ({"contact": "<sip:1001@\x00>"}, "contact"),
        ({"contact": '"" <sip:a@h:99999>'}, "contact"),
        ({"contact": '"Ren\udce9" <sip:a\udce9@h>'}, "contact"),
        ({"contact": "x" * 2**17}, "contact"),
        ({"expires": "5s"}, "expires"),
        ({"expires": "0"}, "expires"),
        ({"expires": "9" * 21}, "expires"),
        ({"expires": 60}, "expires"),
        ({"network_ip": "nowhere"}, "network-ip"),
        ({"network_port": "70000"}, "network-port"),
        ({"user_agent": {"a": "b"}}, "user-agent"),
        ({"call_id": "c" * 1025}, "call-id"),
        ({"call_id": "\udc80"}, "call-id"),
        ({"profile_name": "p" * 300}, "profile-name"),
    ],
)
def test_a_bad_header_is_named(changed: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidRecord) as caught:
        translation.translate(_register(**changed), Context(None, MARGIN))
    assert caught.value.field == field


def test_values_may_be_arrays_and_user_agents_any_bytes() -> None:
    event = _register(user_agent=["Phone \udcff", "second"], contact=["<sip:a@10.0.0.1:5060>"])
    (record,) = translation.translate(event, Context("n", MARGIN))
    assert record.event.user_agent == "Phone \ufffd"
    assert record.event.contact == "sip:a@10.0.0.1:5060"


@pytest.mark.parametrize(
    ("contact", "status", "transport"),
    [
        ('"" <sip:a@x.invalid;transport=ws>', "Registered(WSS-NAT)", Transport.WSS),
        ('"" <sip:a@x.invalid;transport=ws>', "Registered(WS-NAT)", Transport.WS),
        ('"" <sip:a@x.invalid;transport=wss>', "Registered(WSS-NAT)", Transport.WSS),
        ('"" <sips:a@x.invalid;transport=ws>', "Registered(WSS-NAT)", Transport.WSS),
        ('"" <sip:a@10.0.0.1;transport=tcp>', "Registered(UDP)", Transport.TCP),
        ('"" <sip:a@10.0.0.1>', "Registered(TLS)", Transport.TLS),
    ],
)
def test_a_secure_web_socket_is_one_whatever_the_contact(
    contact: str, status: str, transport: Transport
) -> None:
    """RFC 7118 §5.2 has no transport=wss; mod_sofia reads the Via."""
    event = _register(contact=contact, status=status)
    (record,) = translation.translate(event, Context("n", MARGIN))
    assert record.event.transport is transport


def test_a_contact_that_is_long_or_no_sip_uri_is_shown_bounded() -> None:
    uri = f"sip:a@10.0.0.1:5060;x={'y' * 1500}"
    cut = f'"" <{uri}'[:1023]  # as mod_sofia keeps it
    for text, shown, form in (
        (f'"" <{uri}>', uri[:1024], ContactForm.TRUNCATED),
        (cut, cut[4:], ContactForm.TRUNCATED),
        ("tel:+15550100", "tel:+15550100", ContactForm.NOT_SIP),
    ):
        (record,) = translation.translate(_register(contact=text), Context("n", MARGIN))
        assert (record.event.contact, record.event.contact_form) == (shown, form)
        assert len(record.event.binding) <= 1024


@pytest.mark.parametrize("name", ['"Ren\udce9"', '"Ren\udce9 \\" <x>"', "Ren\udce9 "])
def test_a_display_name_in_latin_1_hides_no_contact(name: str) -> None:
    contact = "sip:1001@192.0.2.1:5060"
    (record,) = translation.translate(
        _register(contact=f"{name} <{contact}>"), Context("n", MARGIN)
    )
    assert record.event.contact == contact


@pytest.mark.parametrize("user", ["john%40corp.com", "john@corp.com"])
def test_a_user_with_an_at_sign_is_one_user(user: str) -> None:
    (record,) = translation.translate(_register(from_user=user), Context("n", MARGIN))
    assert record.key == f"sip:john%40corp.com@{DOMAIN}"


def test_instance_and_reg_id_name_no_binding_here() -> None:
    """mod_sofia stores neither and matches on neither (sofia_reg.c): two rows are two bindings."""
    one, other = (
        f'<sip:a@10.0.0.{n}:5060>;+sip.instance="<urn:uuid:ABC>";reg-id=1' for n in (1, 2)
    )
    for contact, expected in ((one, "sip:a@10.0.0.1:5060"), (other, "sip:a@10.0.0.2:5060")):
        (record,) = translation.translate(_register(contact=contact), Context("n", MARGIN))
        assert record.event.binding == record.event.contact == expected
