"""What OpenSIPS sends, read whatever it holds: no crash, and no field set by another's value."""

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.opensips import lines
from producers.opensips.event import parse
from producers.opensips.framing import Broken, Framing
from producers.sip_proxy.errors import Unreadable
from producers.sip_proxy.event import ServerEvent
from schemas.topics import REGISTRATIONS
from tests.unit.opensips_capture import CAPTURES, Play, rows

NAMES = ["aor", "uri", "received", "socket", "expires", "callid", "cseq", "attr", "latency"]


def written(name: str, parameters: dict[str, str]) -> str:
    """As event_datagram.c of 2.4 writes it."""
    text = f"{name}\n"
    for key, value in parameters.items():
        if "\n" in value:
            value = '"' + value.replace('"', '\\"') + '"'
        text += f"{key}::{value}\n"
    return f"{text}\n"


values = st.text(alphabet=st.sampled_from('ab"\\\n:\r\t 1é{}'), max_size=20) | st.sampled_from(
    ['"', '"a', 'a"', "\n", "\nshtag::x", '"\nexpires::1', "x\nshtag::y\\", '"\ncseq::9\n"', "::"]
)


@given(st.dictionaries(st.sampled_from(NAMES), values))
def test_no_value_of_a_2_4_datagram_becomes_a_field(parameters: dict[str, str]) -> None:
    try:
        name, read = lines.read(written("E_UL_CONTACT_INSERT", parameters))
    except Unreadable:
        return  # a value that could be read two ways is given up, with the whole event
    assert (name, read) == ("E_UL_CONTACT_INSERT", parameters)


@given(
    st.dictionaries(
        st.sampled_from(NAMES),
        st.text(alphabet="ab\\: 1é{}", max_size=20)
        | st.sampled_from(['"Bob" <sip:bob@example.test>', 'a "b" c', 'folded\r\n "q"', "x\n\ty"]),
    )
)
def test_header_values_are_read_unchanged(parameters: dict[str, str]) -> None:
    assert lines.read(written("E_X", parameters)) == ("E_X", parameters)


def test_folded_and_quoted_values_of_the_capture() -> None:
    texts = [row["text"] for row in rows(CAPTURES / "v24_hostile_headers.datagram")]
    read = [parse(text.encode()) for text in texts if text.startswith("E_UL_CONTACT_INSERT")]
    attrs = {event.parameters["aor"]: event.parameters["attr"] for event in read}
    assert attrs["host2@127.0.0.1"] == 'say "hi" \\ / a::b {"j":1}'
    assert attrs["host3@127.0.0.1"] == 'line1\r\n line2 "q"'


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"E_UL_AOR_INSERT",
        b"E_X\n",
        b"E_X\na::1",
        b"E_X\na::1\n",
        b"E_X\na::1\na::2\n\n",
        b"E_X\na::1\n\nb::2\n\n",
        b"E_X\nno separator\n\n",
        b'E_X\na::"open\n\n',
        b"lower\n\n",
        b"{",
        b"[]",
        b"{}",
        b'{"method":1}',
        b'{"method":"E_X","params":[]}',
        b"[" * 100_000,
    ],
)
def test_bytes_that_are_no_event_are_refused(data: bytes) -> None:
    with pytest.raises(Unreadable):
        parse(data)


@given(st.binary(max_size=200))
def test_any_bytes_are_an_event_or_refused(data: bytes) -> None:
    with contextlib.suppress(Unreadable):
        assert isinstance(parse(data), ServerEvent)


events = st.dictionaries(
    st.sampled_from(NAMES), st.text(max_size=20) | st.integers() | st.none(), max_size=4
)


@given(st.lists(events, max_size=5), st.lists(st.integers(1, 40), max_size=30))
def test_stream_cut_anywhere_gives_the_same_events(
    all_parameters: list[dict[str, Any]], cuts: list[int]
) -> None:
    messages = [
        json.dumps({"jsonrpc": "2.0", "method": "E_X", "params": p}, ensure_ascii=False)
        for p in all_parameters
    ]
    data = "".join(messages).encode()
    framing, found, position = Framing(2**20), [], 0
    for size in [*cuts, len(data)]:
        found += list(framing.feed(data[position : position + size]))
        position += size
    assert [e.parameters for e in found if isinstance(e, ServerEvent)] == all_parameters
    assert framing.end() is None


@given(events, st.integers(1, 60))
def test_reading_resumes_after_a_cut_object(parameters: dict[str, Any], cut: int) -> None:
    def message(p: dict[str, Any]) -> bytes:
        text = json.dumps({"jsonrpc": "2.0", "method": "E_X", "params": p}, separators=(",", ":"))
        return text.encode()

    whole = message(parameters)
    broken = whole[: min(cut, len(whole) - 1)]
    found = list(Framing(2**20).feed(broken + message({"after": 1}) + message({"after": 2})))
    assert [type(one) for one in found] == [Broken, ServerEvent, ServerEvent]
    assert found[0] == Broken(broken, "an object cut off in the middle")


def test_object_beyond_the_bound_is_dropped() -> None:
    framing = Framing(4096)
    found = list(framing.feed(b'{"jsonrpc":"2.0","method":"E_X","params":{"a":"' + b"x" * 5000))
    assert [type(one) for one in found] == [Broken]


def test_bytes_that_are_not_utf_8_survive_a_cut() -> None:
    data = (
        b'{"jsonrpc":"2.0","method":"E_X","params":{"user_agent":"\xc3\xa9 \xe9","callid":"\xe9"}}'
    )
    framing, found = Framing(4096), []
    for byte in data:
        found += list(framing.feed(bytes([byte])))
    (event,) = found
    assert isinstance(event, ServerEvent)
    assert event.text("user_agent") == "é \ufffd"
    with pytest.raises(Exception, match="not UTF-8"):
        event.identifier("callid")


hostile = st.text(max_size=300) | st.integers() | st.none() | st.booleans() | st.lists(st.text())
GOOD: dict[str, Any] = {
    "domain": "location",
    "aor": "alice@example.test",
    "uri": "sip:alice@192.0.2.1:5060",
    "received": None,
    "path": None,
    "user_agent": "phone",
    "socket": "tcp:192.0.2.9:5060",
    "expires": 1_800_000_000,
    "callid": "c1",
    "cseq": 1,
    "latency": 0,
    "method": "INVITE",
    "from_tag": "f",
    "to_tag": "t",
    "sip_code": "200",
    "new_state": 2,
    "src_ip": "192.0.2.1",
    "src_port": 5060,
    "dst_ip": "192.0.2.9",
    "dst_port": 5060,
    "proto": "tcp",
    "received_ip": "192.0.2.1",
    "received_port": 5060,
    "received_proto": "tcp",
    "contact": "<sip:alice@192.0.2.1:5060>",
    "reply_contact": "<sip:alice@192.0.2.1:5060>;expires=60",
    "group": "core",
    "identifier": "main",
    "details": "running",
    "caller": "sip:alice@example.test",
    "callee": "sip:bob@example.test",
    "ms_duration": 5,
}
EVENTS = [
    "E_UL_CONTACT_INSERT",
    "E_UL_CONTACT_UPDATE",
    "E_UL_CONTACT_DELETE",
    "E_UL_LATENCY_UPDATE",
    "E_EDGE_REGISTER",
    "E_CORE_TCP_DISCONNECT",
    "E_DLG_STATE_CHANGED",
    "E_ROLLCALL_CALL",
    "E_ACC_EVENT",
    "E_ACC_MISSED_EVENT",
    "E_ACC_CDR",
    "E_CORE_SR_STATUS_CHANGED",
    "E_PIKE_BLOCKED",
]


@given(st.lists(st.sampled_from(EVENTS), max_size=4), st.sampled_from(sorted(GOOD)), hostile)
def test_hostile_parameter_affects_its_own_event_at_most(
    names: list[str], parameter: str, value: Any
) -> None:
    play = Play(ports={5060})
    for index, name in enumerate([*names, "E_UL_CONTACT_INSERT"]):
        parameters = {**GOOD, parameter: value} if index < len(names) else GOOD
        message = {"jsonrpc": "2.0", "method": name, "params": parameters}
        play.datagram(1_700_000_000 + index, json.dumps(message).encode())
    assert play.intake.events + len(play.collector.dead_letters) >= len(names) + 1
    last = play.events(REGISTRATIONS)[-1:]
    for event in last:
        assert event.aor == "sip:alice@example.test"


@given(st.text(max_size=100))
def test_user_agent_sets_no_other_field(user_agent: str) -> None:
    def registered(value: str) -> Any:
        play = Play()
        message = {
            "jsonrpc": "2.0",
            "method": "E_UL_CONTACT_INSERT",
            "params": {**GOOD, "user_agent": value},
        }
        play.datagram(1_700_000_000, json.dumps(message).encode())
        (event,) = play.events(REGISTRATIONS)
        event.user_agent = None
        return event

    assert registered(user_agent) == registered("phone")
