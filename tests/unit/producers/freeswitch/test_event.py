"""No header's value can change another field, whatever it holds."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.freeswitch import event as events
from producers.freeswitch import translation
from producers.freeswitch.context import Context
from producers.freeswitch.event import SwitchEvent
from schemas.codec import InvalidRecord
from tests.unit.freeswitch_capture import MARGIN, bodies

REGISTER = next(b for b in bodies("reg_tcp_multi") if b'"sofia::register"' in b)
CREATE = next(b for b in bodies("calls") if b'"CHANNEL_CREATE"' in b)

_poison = st.one_of(
    st.text(max_size=300),
    st.lists(
        st.sampled_from(
            ["\n", "\r\n", "%0A", "%0D%0A", '"', '\\"', "}", ",", ": ", "from-user: 9999", "\x00",
             '"from-user":"9999"', "Event-Sequence: 1", "\ud800", "&#10;", "<", ">",
             "Content-Length: 0"]
        ),
        max_size=12,
    ).map("".join),
)  # fmt: skip


def _with(body: bytes, name: str, value: str) -> SwitchEvent:
    headers = json.loads(body)
    headers[name] = value
    return events.parse(json.dumps(headers).encode())


def _fields(event: SwitchEvent) -> dict[str, Any]:
    (record,) = translation.translate(event, Context("node", MARGIN))
    return {name: getattr(record.event, name) for name in record.event.__dataclass_fields__}


def _fields_or_fault(event: SwitchEvent) -> dict[str, Any] | InvalidRecord:
    try:
        return _fields(event)
    except InvalidRecord as error:
        return error


@pytest.mark.parametrize(
    ("body", "header", "field"),
    [
        (REGISTER, "user-agent", "user_agent"),
        (REGISTER, "call-id", "call_id"),
        (REGISTER, "effective_caller_id_name", None),
        (REGISTER, "x-made-up", None),
        (CREATE, "Caller-Caller-ID-Name", None),
        (CREATE, "Caller-Destination-Number", "peer"),
        (CREATE, "variable_switch_r_sdp", None),
        (CREATE, "variable_sip_user_agent", None),
        (CREATE, "variable_sip_call_id", "sip_call_id"),
    ],
)
@given(poison=_poison)
def test_a_callers_header_sets_its_own_field_only(
    body: bytes, header: str, field: str | None, poison: str
) -> None:
    clean = _fields(events.parse(body))
    poisoned = _fields_or_fault(_with(body, header, poison))
    if isinstance(poisoned, InvalidRecord):
        assert poisoned.field == header
        return
    changed = {name for name in clean if clean[name] != poisoned[name]}
    assert changed <= ({field} if field else set())


@given(name=_poison)
def test_a_display_name_never_becomes_the_contact(name: str) -> None:
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    event = _with(REGISTER, "contact", f'"{quoted}" <sip:1001@127.0.0.1:41001;transport=tcp>')
    fields = _fields_or_fault(event)
    if isinstance(fields, InvalidRecord):
        assert fields.field == "contact"
    else:
        assert fields == _fields(events.parse(REGISTER))


def test_the_first_of_a_repeated_header_counts() -> None:
    twice = REGISTER[:-1] + b',"from-user":"9999","Event-Sequence":"1"}'
    assert _fields(events.parse(twice)) == _fields(events.parse(REGISTER))


def test_bytes_that_are_no_utf8_stay_in_their_field() -> None:
    broken = REGISTER.replace(b"Yealink SIP-T46S", b"Y\xff\xc3")
    fields = _fields(events.parse(broken))
    assert fields.pop("user_agent").startswith("Y\ufffd\ufffd")
    clean = _fields(events.parse(REGISTER))
    clean.pop("user_agent")
    assert fields == clean


@given(st.binary(max_size=300))
def test_any_bytes_are_an_event_or_named_invalid(body: bytes) -> None:
    try:
        translation.translate(events.parse(body), Context(None, MARGIN))
    except InvalidRecord:
        return


@pytest.mark.parametrize("body", [b"[" * 100_000, b"1" * 10_000, b"null", b"", b'{"a":' * 50_000])
def test_deep_and_odd_json_is_named_invalid(body: bytes) -> None:
    with pytest.raises(InvalidRecord):
        events.parse(body)


_value = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=50),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)  # fmt: skip


@pytest.mark.parametrize("body", [REGISTER, CREATE])
@given(data=st.data())
def test_any_value_of_any_type_in_any_header(body: bytes, data: st.DataObject) -> None:
    headers = json.loads(body)
    name = data.draw(st.sampled_from(sorted(headers)))
    headers[name] = data.draw(_value)
    fault = None
    try:
        translation.translate(SwitchEvent(headers), Context(None, MARGIN))
    except InvalidRecord as error:
        fault = error
    assert fault is None or fault.field is not None
