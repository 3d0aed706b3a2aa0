"""What Kamailio's script sends, read whatever it holds: no crash, and what is wrong is named."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.kamailio.event import parse
from producers.kamailio.framing import Lines, TooLong
from producers.receive_times import Ticks
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.inbox import Lost
from schemas.topics import NODES, REGISTRATIONS
from schemas.vocabulary import NodeKind, RegistrationKind
from tests.unit.kamailio_capture import Play

CLIENT = "sip:alice@203.0.113.7:4711;transport=tcp"
REGISTER = {
    "aor": "alice@Example.TEST",
    "contact": f"<{CLIENT}>",
    "result": 1,
    "expires": "600",
    "granted": 300,
    "src": "tcp:203.0.113.7:4711",
    "callid": "c1",
    "cseq": "7",
    "boot": 1_795_500_000,
    "t": "1795502464.656840",
}
EXPIRED = {
    "aor": "alice@example.test",
    "addr": CLIENT,
    "received": "sip:203.0.113.7:4711;transport=tcp",
    "expires": "1795502460",
    "t": "1795502464.1",
}


def published(name: str, fields: dict[str, Any], **changed: Any) -> Any:
    """The one registration that the event becomes."""
    played = Play(domain=None)
    kept = {key: value for key, value in (fields | changed).items() if value is not None}
    played.event(name, **kept)
    assert played.collector.dead_letters == []
    (event,) = played.events(REGISTRATIONS)
    return event


def test_registration_of_a_register_event() -> None:
    event = published("register", REGISTER)
    assert (event.kind, event.aor) == (RegistrationKind.REGISTERED, "sip:alice@example.test")
    assert (event.contact, event.binding) == (CLIENT, CLIENT)
    assert (event.call_id, event.cseq, event.registrar) == ("c1", 7, "location")
    assert (event.remote.ip, event.remote.port) == ("203.0.113.7", 4711)
    assert (event.expires_at - event.at).total_seconds() == 300
    assert event.boot == "up-1795500000"


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"result": 2}, RegistrationKind.REFRESHED),
        ({"result": 3}, RegistrationKind.UNREGISTERED),
        ({"result": None, "expires": "0"}, RegistrationKind.UNREGISTERED),
        ({"result": None, "contact": f"<{CLIENT}>;expires=0"}, RegistrationKind.UNREGISTERED),
        ({"result": None}, RegistrationKind.REGISTERED),
        ({"contact": "*"}, RegistrationKind.WILDCARD),
    ],
)
def test_kind_of_a_register_event(changed: dict[str, Any], kind: RegistrationKind) -> None:
    assert published("register", REGISTER, **changed).kind is kind


def test_register_without_contact_makes_no_record() -> None:
    played = Play()
    played.event("register", **(REGISTER | {"result": 4}))
    assert played.events(REGISTRATIONS) == []


def test_path_gives_the_clients_address_behind_an_edge() -> None:
    path = "<sip:192.0.2.1;lr>,<sip:192.0.2.2;lr;received=sip:198.51.100.9:5099%3Btransport%3Dtcp>"
    event = published("register", REGISTER, path=path)
    assert event.path == path
    assert (event.received.ip, event.received.port) == ("198.51.100.9", 5099)


@pytest.mark.parametrize(
    ("changed", "kind", "seconds"),
    [
        ({}, RegistrationKind.REGISTERED, 600),
        ({"reply_contact": f"<sip:x@y>;expires=9, <{CLIENT}>;expires=120;q=1"}, None, 120),
        ({"expires": "0"}, RegistrationKind.UNREGISTERED, None),
    ],
)
def test_registration_of_an_edge(
    changed: dict[str, Any], kind: RegistrationKind | None, seconds: int | None
) -> None:
    fields = REGISTER | {"result": None, "granted": None, "reply_from": "192.0.2.9"}
    event = published("edge", fields, **changed)
    assert event.kind is (kind or RegistrationKind.REGISTERED)
    assert (event.registrar, event.path, event.reason) == ("edge", None, "answered by 192.0.2.9")
    if seconds is not None:
        assert (event.expires_at - event.at).total_seconds() == seconds


def test_edge_distinguishes_refresh_and_registration() -> None:
    played = Play()
    fields = {key: REGISTER[key] for key in REGISTER if key not in ("result", "granted")}
    for cseq in (1, 2):
        played.event("edge", **(fields | {"cseq": cseq}))
    kinds = [event.kind for event in played.events(REGISTRATIONS)]
    assert kinds == [RegistrationKind.REGISTERED, RegistrationKind.REFRESHED]


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({}, RegistrationKind.EXPIRED),
        ({"expires": "10"}, RegistrationKind.CONNECTION_LOST),
        ({"expires": "10", "received": "sip:203.0.113.7:4711"}, RegistrationKind.UNREGISTERED),
    ],
)
def test_contact_removed_by_usrloc(changed: dict[str, Any], kind: RegistrationKind) -> None:
    event = published("usrloc:contact-expired", EXPIRED, **changed)
    assert (event.kind, event.binding) == (kind, CLIENT)


@pytest.mark.parametrize(
    ("name", "fields", "field"),
    [
        ("register", REGISTER | {"contact": None}, "contact"),
        ("register", REGISTER | {"contact": "<null>"}, "contact"),
        ("register", REGISTER | {"contact": "mailto:alice@example.test"}, "contact"),
        ("register", REGISTER | {"contact": "sip:\udcff@example.test"}, "contact"),
        ("register", REGISTER | {"aor": "alice"}, "aor"),
        ("register", REGISTER | {"aor": "a\udcff@example.test"}, "aor"),
        ("register", REGISTER | {"src": "tcp:203.0.113.7"}, "src"),
        ("register", REGISTER | {"src": "sctp:203.0.113.7:4711"}, "src"),
        ("register", REGISTER | {"src": "tcp:203.0.113.7:99999"}, "src"),
        ("register", REGISTER | {"cseq": "-1"}, "cseq"),
        ("register", REGISTER | {"t": "yesterday"}, "t"),
        ("register", REGISTER | {"boot": "x"}, "boot"),
        ("edge", REGISTER | {"src": None}, "src"),
        ("usrloc:contact-expired", EXPIRED | {"expires": None}, "expires"),
        ("usrloc:contact-expired", EXPIRED | {"expires": "99999999999"}, "expires"),
        ("usrloc:contact-expired", EXPIRED | {"addr": "x"}, "addr"),
    ],
)
def test_invalid_value_names_the_field(name: str, fields: dict[str, Any], field: str) -> None:
    played = Play(domain=None)
    played.event(name, **fields)
    assert [letter[1] for letter in played.collector.dead_letters] == [field]
    assert played.events(REGISTRATIONS) == []


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"1", b"{}", b'{"ev":1}', b'{"ev":""}', b"[" * 100_000, b"\xff"]
)
def test_bytes_that_are_no_event_are_refused(line: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(line)


def test_value_that_looks_like_null_is_kept() -> None:
    event = parse(b'{"ev":"register","conid":<null>,"ua":"\\":<null>","user":"<null>"}')
    assert event.parameters == {"conid": None, "ua": '":<null>'}


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)
texts = st.sampled_from(
    [
        "*",
        "<null>",
        "0",
        "10",
        "sip:",
        "<sip:a@b>",
        "tcp:::1:5060",
        "a@b",
        "@",
        '"<sip:a@b>',
        "9" * 30,
    ]
)


@given(
    st.sampled_from(["register", "edge", "usrloc:contact-expired", "hello"]),
    st.dictionaries(
        st.sampled_from([*REGISTER, *EXPIRED, "path", "reply_contact"]), anything | texts
    ),
)
def test_no_event_stops_the_producer(name: str, changed: dict[str, Any]) -> None:
    played = Play()
    base = EXPIRED if name.startswith("usrloc") else REGISTER
    played.line(json.dumps({"ev": name, **base, **changed}).encode())
    records = len(played.events(REGISTRATIONS)) + len(played.collector.dead_letters)
    assert records <= 1


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_no_bytes_stop_the_producer(pieces: list[bytes]) -> None:
    played = Play()
    for piece in pieces:
        played.read(piece or b"\n")
    played.line(b"")
    played.event("register", **REGISTER)
    assert len(played.events(REGISTRATIONS)) == 1


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda b: b"\n" not in b)), st.data())
def test_lines_are_complete_however_they_are_cut(lines: list[bytes], data: st.DataObject) -> None:
    text = b"".join(line + b"\n" for line in lines)
    reader, found = Lines(64), []
    while text:
        size = data.draw(st.integers(1, len(text)))
        found += reader.feed(text[:size])
        text = text[size:]
    assert found == [line for line in lines if line.strip()]


def test_line_beyond_the_bound_is_refused_once() -> None:
    reader = Lines(10)
    found = [*reader.feed(b"x" * 11), *reader.feed(b"x" * 30), *reader.feed(b"x\n{}\n")]
    assert found == [TooLong(b"x" * 10), b"{}"]
    assert [type(one) for one in Lines(10).feed(b"y" * 20 + b"\nok\n")] == [TooLong, bytes]


def test_reading_resumes_with_the_next_line_after_a_loss() -> None:
    played = Play()
    whole = json.dumps({"ev": "register", **REGISTER}).encode()
    played.read(whole[:50])
    played.intake.take(Lost(Ticks().now(), 3))
    played.read(b"of another line\n" + whole + b"\n")
    assert played.collector.dead_letters == []
    assert len(played.events(REGISTRATIONS)) == 1
    gaps = [mark.reason for mark in played.events(NODES) if mark.kind is NodeKind.GAP]
    assert gaps[-1] == "3 pieces came while the queue was full"


def test_another_process_is_a_restart() -> None:
    played = Play()
    played.event("register", **REGISTER)
    assert played.pipeline.changes("alice") == ["online registered"]
    played.event("hello", boot=1_795_502_470, version="5.6.3")
    kinds = [(mark.kind, mark.boot) for mark in played.events(NODES)]
    assert kinds == [
        (NodeKind.GAP, "run-1"),
        (NodeKind.UP, "up-1795500000"),
        (NodeKind.UP, "up-1795502470"),
    ]


def test_refused_reconnection_is_down_once() -> None:
    played = Play()
    ticks = Ticks()
    played.event("hello", boot=1)
    assert played.server.heartbeat() != []
    assert played.server.end(ticks.now(), refused=False) == []
    assert played.server.heartbeat() == []
    (down,) = played.server.end(ticks.now(), refused=True)
    assert (down.event.kind, down.event.boot) == (NodeKind.DOWN, "up-1")
    assert played.server.end(ticks.now(), refused=True) == []


@pytest.mark.parametrize("name", ["edge", "register"])
def test_contact_star_ends_all_the_users_bindings(name: str) -> None:
    played = Play()
    result = {"result": 3} if name == "register" else {"result": None}
    for user, contact in (("alice", "sip:a@h"), ("alice", "sip:b@h"), ("bob", "sip:c@h")):
        fields = REGISTER | {"aor": f"{user}@sip.test", "contact": f"<{contact}>", "result": None}
        played.event(name, **fields)
    played.event(name, **(REGISTER | {"aor": "alice@sip.test", "contact": "*"} | result))
    last = {one.aor: one.reachable for one in played.pipeline.published}
    assert last == {"sip:alice@sip.test": False, "sip:bob@sip.test": True}


def test_contact_star_requests_a_listing() -> None:
    played = Play()
    played.event("register", **REGISTER)
    played.intake.users_wanted.clear()
    played.event("register", **(REGISTER | {"contact": "*", "result": 3}))
    (user,) = played.intake.users_wanted.take(9)
    assert user == ("location", "alice@example.test", "sip:alice@example.test")
