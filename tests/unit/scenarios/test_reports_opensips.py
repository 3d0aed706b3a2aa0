"""Public reports about OpenSIPS, and about edges before registrars: each as a small input.

The reports are named in each test; RFC 3261 §20.10 defines the Contact header.
"""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from producers.sip_proxy import contact
from producers.uri_addresses import address_of, received_by_edge
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.topics import NODES, REGISTRATIONS
from schemas.vocabulary import RegistrationKind as Kind
from schemas.vocabulary import Transport
from tests.unit.opensips_capture import Play

T = 1_795_600_000.0
BOB = "sip:bob@192.0.2.41:5062"


def send(play: Play, at: float, name: str, **parameters: Any) -> None:
    message = {"jsonrpc": "2.0", "method": name, "params": parameters}
    play.datagram(T + at, json.dumps(message).encode())


def stored(play: Play, at: float, what: str, uri: str, **given: Any) -> None:
    user = uri.partition(":")[2].partition("@")[0]
    fields: dict[str, Any] = {"aor": f"{user}@example.test", "uri": uri}
    fields |= {"socket": "udp:192.0.2.1:5060"}
    fields |= {"domain": "location", "expires": int(T) + 3600, "callid": "c1", "cseq": 1}
    send(play, at, f"E_UL_CONTACT_{what}", **fields | given)


def edge(play: Play, at: float, header: str, expires: str | None = "600", **given: Any) -> None:
    fields: dict[str, Any] = {"aor": "bob@example.test", "contact": header, "expires": expires}
    fields |= {"received_proto": "udp", "received_ip": "192.0.2.41", "received_port": 5062}
    fields |= {"callid": "b1", "cseq": "1", "socket": "udp:192.0.2.1:5060"}
    send(play, at, "E_EDGE_REGISTER", **fields | given)


def shown(play: Play) -> list[str]:
    return sorted(b.contact for b in play.pipeline.published[-1].bindings)


def seconds(play: Play) -> list[float | None]:
    """For how long each contact of the last event was accepted."""
    events = play.events(REGISTRATIONS)
    last = [event for event in events if event.seq == events[-1].seq]
    return [(e.expires_at - e.at).total_seconds() if e.expires_at else None for e in last]


def test_lookup_inserts_a_stored_contact_again() -> None:
    """OpenSIPS#2617, OpenSIPS#1573."""
    play = Play()
    tcp = {"socket": "tcp:192.0.2.1:5060", "received": "sip:192.0.2.60:41000;transport=tcp"}
    stored(play, 0, "INSERT", "sip:kim@192.0.2.60:41000;transport=tcp", **tcp)
    stored(play, 0, "INSERT", "sip:leo@192.0.2.61:41001;transport=tcp", **tcp)
    before = len(play.collector.records)
    stored(play, 30, "INSERT", "sip:kim@192.0.2.60:41000;transport=tcp", **tcp)
    assert len(play.collector.records) == before
    assert play.pipeline.changes("kim") == play.pipeline.changes("leo") == ["online registered"]


def test_delete_comes_with_the_timer_after_the_next_registration() -> None:
    """OpenSIPS#2844."""
    play = Play()
    stored(play, 0, "INSERT", "sip:mia@192.0.2.62:5062", callid="m1")
    stored(play, 12, "INSERT", "sip:mia@192.0.2.62:5070", callid="m2")
    stored(play, 60, "DELETE", "sip:mia@192.0.2.62:5062", callid="m1", expires=10)
    assert shown(play) == ["sip:mia@192.0.2.62:5070"]


@pytest.mark.parametrize("expires", [10, int(T) + 60, int(T) + 3600])
def test_delete_of_another_registration_ends_nothing(expires: int) -> None:
    """OpenSIPS#2844, with matching_mode 1: the same contact by another Call-ID."""
    play = Play()
    uri = "sip:mia@192.0.2.62:5062"
    stored(play, 0, "INSERT", uri, callid="m1", expires=int(T) + 60)
    stored(play, 61, "INSERT", uri, callid="m2", expires=int(T) + 121)
    stored(play, 90, "DELETE", uri, callid="m1", expires=expires)
    assert shown(play) == [uri]
    assert not play.events(NODES)


def test_late_delete_of_the_earlier_registration_ends_nothing() -> None:
    """Write-back: un-REGISTERed and registered again by the same Call-ID before the timer."""
    play = Play()
    uri = "sip:mia@192.0.2.62:5062"
    stored(play, 0, "INSERT", uri, cseq=1)
    stored(play, 12, "INSERT", uri, cseq=3)
    stored(play, 60, "DELETE", uri, cseq=1, expires=10)
    assert shown(play) == [uri]
    stored(play, 70, "DELETE", uri, cseq=3, expires=10)
    assert shown(play) == []


def test_200_is_handled_before_its_180() -> None:
    """OpenSIPS#3342."""
    play = Play()
    for user in ("oli", "pia"):
        stored(play, 0, "INSERT", f"sip:{user}@192.0.2.64:5062", callid=user)
    dialog: dict[str, Any] = {"callid": "call-1", "from_tag": "ft1"}
    parties = {"caller": "sip:oli@example.test", "callee": "sip:pia@example.test"}
    send(play, 1, "E_ROLLCALL_CALL", **dialog, **parties)
    for at, old, new in ((2, 1, 3), (2.01, 3, 3), (2.01, 3, 2), (2.02, 3, 4), (9, 4, 5)):
        send(play, at, "E_DLG_STATE_CHANGED", **dialog, old_state=old, new_state=new)
    calls = ["online registered", "on-the-phone call-answered", "online call-ended"]
    assert play.pipeline.changes("oli") == play.pipeline.changes("pia") == calls


@pytest.mark.parametrize(
    ("text", "transport", "address"),
    [
        ("sip:test@[2001:db8::5]:5060;ob;alias=[2001:db8::9]~5060~1", "udp", "2001:db8::5"),
        ("sips:3159@192.0.2.55:5061", "tls", "192.0.2.55"),
        ("sip:447o544j@n0490ata5bdn.invalid;transport=ws", "ws", None),
        ("sip:192.0.2.56:49793;transport=tcp", "tcp", "192.0.2.56"),
        (f"sip:a@192.0.2.57:53443;app-id=x;pn-tok={'A' * 64};transport=tcp", "tcp", "192.0.2.57"),
        ("sip:%2B4930123@192.0.2.58", "udp", "192.0.2.58"),
        ("sip:edi@192.0.2.58;user=phone;line=%23abc", "udp", "192.0.2.58"),
    ],
)
def test_unusual_contacts_of_real_devices(text: str, transport: str, address: str | None) -> None:
    """kamailio#120, #4092, #264, #1299, JsSIP#482, #844, OpenSIPS#1205."""
    read = contact.read(text)
    assert read.uri == text
    assert contact.read(text.replace("transport=TCP", "transport=tcp")).identity == read.identity
    assert contact.transport_over(None, text) == transport
    found = address_of(text, Transport(transport))
    assert (found.ip if found else None) == address


@pytest.mark.parametrize("text", ["sip:1001@192.0.2.58:0", "sip:alice@example.com@192.0.2.58"])
def test_invalid_contacts(text: str) -> None:
    with pytest.raises(InvalidRecord):
        contact.read(text)


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("<sip:10.7.0.109;lr;received=sip:192.0.2.59:37476>", 37476),
        ("<sip:lb@127.0.0.1;lr;received=sip:192.0.2.59:23583;socket=sip:192.0.2.1:5060>", 23583),
        ("<sip:10.0.0.1;lr;received=sip:192.0.2.59:4000%3Btransport%3Dtcp>", 4000),
        ("<sip:157.0.2.249;lr;r2=on>,<sip:157.0.2.249:5061;transport=tls;lr;r2=on>", None),
    ],
)
def test_paths_of_real_edges(path: str, port: int | None) -> None:
    assert received_by_edge(path) == (Address(ip="192.0.2.59", port=port) if port else None)


def test_wildcard_unregister_of_a_device_without_bindings() -> None:
    """gosip#12."""
    play = Play()
    edge(play, 0, "*", "0")
    assert not play.pipeline.published
    assert not play.collector.dead_letters


def test_wildcard_unregister() -> None:
    play = Play()
    edge(play, 0, f"<{BOB}>, <sip:bob@192.0.2.41:5070>")
    edge(play, 5, " * ", "0")
    assert shown(play) == []
    assert play.pipeline.changes("bob")[-1] == "offline unregistered"


def test_contact_without_user_and_unregister_by_its_expires() -> None:
    """Restcomm-Connect#1058, SIP.js#435."""
    play = Play()
    edge(play, 0, "<sip:192.0.2.62:49793;transport=tcp>;expires=100", None)
    assert shown(play) == ["sip:192.0.2.62:49793;transport=tcp"]
    edge(play, 5, "<sip:192.0.2.62:49793;transport=tcp>;expires=0", None)
    assert shown(play) == []


def test_contact_without_brackets() -> None:
    """nksip#8, kamailio#1257: its parameters are the header's."""
    play = Play()
    edge(play, 0, f"{BOB};expires=100")
    assert shown(play) == [BOB]
    assert seconds(play) == [100]
    edge(play, 5, f"{BOB};expires=0")
    assert shown(play) == []


def test_several_contacts_each_with_its_own_expires() -> None:
    """linphone-iphone#304, kazoo-configs#55."""
    play = Play()
    edge(play, 0, f'"Bob, <B>" <{BOB}>;q=0.9;expires=60,, <sip:fax@192.0.2.41:5062>;q="0.1"')
    assert shown(play) == [BOB, "sip:fax@192.0.2.41:5062"]
    assert seconds(play) == [60, 600]
    assert len({event.id for event in play.events(REGISTRATIONS)}) == 2


def test_client_that_moves_is_never_without_a_binding() -> None:
    play = Play()
    edge(play, 0, f"<{BOB}>")
    edge(play, 5, f"<{BOB}>;expires=0, <sip:bob@192.0.2.44:49165>")
    assert shown(play) == ["sip:bob@192.0.2.44:49165"]
    assert all(presence.reachable for presence in play.pipeline.published)


def test_device_keeps_its_instance_when_it_moves() -> None:
    """RFC 5626 §6: the same instance and reg-id is the same binding."""
    play = Play()
    device = '+sip.instance="<urn:uuid:00000000-0000-4000-8000-0000000000a3>"'
    edge(play, 0, f"<{BOB}>;{device};reg-id=1")
    edge(play, 5, f"<sip:bob@192.0.2.44:49165>;{device};reg-id=1")
    assert shown(play) == ["sip:bob@192.0.2.44:49165"]
    edge(play, 6, f"<sip:bob@192.0.2.45:49165>;{device};reg-id=2")
    edge(play, 7, f"<sip:bob@192.0.2.46:49165>;{device}")
    assert len(shown(play)) == 3


@pytest.mark.parametrize(
    ("contact", "expires", "reply", "granted"),
    [
        ("<{}>", "600", None, 600),
        ("<{}>", "600", "<{}>;expires=60", 60),
        ("<{}>", "600", '"x, y" <sip:other@h>;expires=5, <{};ob>;expires=7, <{}>;expires=60', 60),
        ("<{}>", "600", "<sip:other@192.0.2.9>;expires=60", 600),
        ("<{}>", "600", '"not closed', 600),
        ("<{}>", "600", "<{}>;expires=abc", 600),
        ("<{}>", None, "<{}>;expires=60", 60),
        ("<{}>;expires=abc", "600", None, 600),
        ("<{}>", "3600;x=1", None, 3600),
        ("<{}>", "-1", "<{}>;expires=70", 70),
        ("<{}>", None, None, 3600),  # RFC 3261 §10.2.1.1
        ("<{}>", "99999999999", None, 3600),
        ("<{}>;expires=4294967295", "1", None, 2**32 - 1),
    ],
)
def test_granted_expires_counts(
    contact: str, expires: str | None, reply: str | None, granted: int
) -> None:
    """dart-sip-ua#115, OpenSIPS#1162: what cannot be read counts as absent."""
    play = Play()
    given = {"reply_contact": reply.replace("{}", BOB)} if reply else {}
    edge(play, 0, contact.replace("{}", BOB), expires, **given)
    assert shown(play) == [BOB]
    assert seconds(play) == [granted]
    assert not play.collector.dead_letters


@pytest.mark.parametrize("header", ["", '"Bob <sip:bob@h>', "<sip:bob@h", ",", "<mailto:a@b>"])
def test_unreadable_header(header: str) -> None:
    play = Play()
    edge(play, 0, header)
    assert [field for _, field in play.collector.dead_letters] == ["contact"]


@pytest.mark.parametrize(
    ("unreadable", "reason"),
    [
        ("<mailto:bob@h>", "not a sip: or sips: URI"),
        ("<>;q=1", "no address"),
        ("<sip:bob@192.0.2.42:70000>", "port is not 1-65535"),
        ("<sip:b\udce9@h>", "bytes in URI that are no UTF-8"),
    ],
)
@pytest.mark.parametrize("pattern", ["{}, <{bob}>", "<{bob}>, {}", "<{bob}>, {}, <sip:x@h>"])
def test_one_unreadable_contact(unreadable: str, reason: str, pattern: str) -> None:
    """The registrar took the others: each is a binding, and the one a dead letter of its own."""
    play = Play()
    edge(play, 0, pattern.format(unreadable, bob=BOB))
    assert BOB in shown(play)
    assert len(shown(play)) == pattern.count("<{bob}") + pattern.count("sip:x@h")
    assert play.collector.dead_letters == [(reason, "contact")]


LATIN_1 = b'"J\xf6rg" <sip:bob@192.0.2.41:5062>'


def test_display_name_in_latin_1() -> None:
    """Only the URI is read: the name may be of any encoding."""
    play = Play()
    message = {"method": "E_EDGE_REGISTER", "params": {
        "aor": "bob@example.test", "contact": "@", "expires": "600", "received_proto": "udp",
        "received_ip": "192.0.2.41", "received_port": 5062, "callid": "b1", "cseq": "1",
        "reply_contact": "@"}}  # fmt: skip
    text = json.dumps(message).encode().replace(b'"@"', b'"' + LATIN_1.replace(b'"', b'\\"') + b'"')
    play.datagram(T, text)
    assert shown(play) == [BOB]
    assert not play.collector.dead_letters
    play.datagram(T + 1, text.replace(b"bob@192", b"bo\xf6@192"))
    assert [field for _, field in play.collector.dead_letters] == ["contact"]


def test_display_name_in_latin_1_at_the_registrar() -> None:
    """A table's contact is a URI; a name that a script has it hold is no part of it."""
    for text, letters in ((LATIN_1, []), (LATIN_1.replace(b"bob", b"b\xf6b"), ["uri"])):
        play = Play()
        written = text.decode("utf-8", "surrogateescape")
        fields = {"aor": "bob@example.test", "uri": "@", "expires": int(T) + 60, "callid": "c"}
        message = json.dumps({"method": "E_UL_CONTACT_INSERT", "params": fields})
        raw = json.dumps(written, ensure_ascii=False).encode("utf-8", "surrogateescape")
        play.datagram(T, message.encode().replace(b'"@"', raw))
        assert [field for _, field in play.collector.dead_letters] == letters
        assert bool(play.pipeline.published) is not bool(letters)


@pytest.mark.parametrize(
    ("socket", "uri", "transport"),
    [
        ("tls:192.0.2.1:5061", "sip:b@x.invalid;transport=ws", Transport.WSS),
        ("wss:192.0.2.1:443", "sip:b@x.invalid;transport=ws", Transport.WSS),
        ("ws:192.0.2.1:80", "sip:b@x.invalid;transport=ws", Transport.WS),
        ("tls:192.0.2.1:5061", "sip:b@192.0.2.7:5061;transport=tls", Transport.TLS),
        ("udp:192.0.2.1:5060", "sip:b@192.0.2.7:5061;transport=tcp", Transport.UDP),
    ],
)
def test_websocket_over_tls_has_ws_in_its_contact(
    socket: str, uri: str, transport: Transport
) -> None:
    """RFC 7118 §5.2."""
    play = Play()
    stored(play, 0, "INSERT", uri, socket=socket, received="sip:192.0.2.7:4711")
    edge(play, 1, f"<{uri}>", received_proto=socket.partition(":")[0])
    assert [event.transport for event in play.events(REGISTRATIONS)] == [transport] * 2


@pytest.mark.parametrize(
    ("name", "aor"),
    [
        ("john@corp.com@example.test", "sip:john%40corp.com@example.test"),
        ("john doe@example.test", "sip:john%20doe@example.test"),
        ("x:y@example.test", "sip:x%3Ay@example.test"),
        ("plus+user@example.test", "sip:plus+user@example.test"),
        ("Alice@example.test", "sip:Alice@example.test"),
    ],
)
def test_names_as_usrloc_stores_them(name: str, aor: str) -> None:
    """Events name users decoded; a call names them as their URIs do."""
    play = Play()
    stored(play, 0, "INSERT", BOB, aor=name)
    send(play, 1, "E_ROLLCALL_CALL", callid="c", from_tag="f", caller=aor, callee="sip:x@y.test")
    send(play, 2, "E_DLG_STATE_CHANGED", callid="c", from_tag="f", old_state=1, new_state=3)
    assert not play.collector.dead_letters
    assert {presence.aor for presence in play.pipeline.published} == {aor}
    assert play.pipeline.published[-1].status == "on-the-phone"


def test_kinds_of_an_edge() -> None:
    play = Play()
    edge(play, 0, f"<{BOB}>")
    edge(play, 5, f"<{BOB}>", cseq="2")
    edge(play, 6, f"<{BOB}>", "0", cseq="3")
    found = [(event.kind, event.at) for event in play.events(REGISTRATIONS)]
    begin = datetime.fromtimestamp(T, UTC)
    assert found == [
        (kind, begin + timedelta(seconds=at))
        for kind, at in ((Kind.REGISTERED, 0), (Kind.REFRESHED, 5), (Kind.UNREGISTERED, 6))
    ]
