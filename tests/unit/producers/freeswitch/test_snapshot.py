"""Listings as mod_sofia and mod_commands print them, hostile values included."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.freeswitch import snapshot as snapshots
from producers.freeswitch.context import LegIdentity
from producers.freeswitch.listing import (
    BrokenRow,
    ListingUnreadable,
    RegistrationRow,
    read_channels,
    read_profiles,
    read_registrations,
)
from producers.freeswitch.snapshot import Snapshot
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallState, Direction, RegistrationKind, Transport
from tests.freeswitch_answers import PROFILES, encode, registration, registrations

AT = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
SNAPSHOT = Snapshot("n/b/x", "n", "b", 7, AT, registrar="internal")


def _rows(answer: str) -> list[RegistrationRow]:
    rows = read_registrations(answer)
    assert not any(isinstance(row, BrokenRow) for row in rows)
    return [row for row in rows if isinstance(row, RegistrationRow)]


def test_profiles_once_each_without_aliases_gateways_and_those_down() -> None:
    assert read_profiles(PROFILES) == ["internal", "external"]


def test_a_row_becomes_a_record_at_the_snapshots_place() -> None:
    (row,) = _rows(registrations(registration()))
    record = snapshots.registration_row(SNAPSHOT, row, 0)
    event = record.event
    assert record.key == event.aor == "sip:1001@sip.example.test"
    assert event.kind is RegistrationKind.SNAPSHOT_ROW
    assert (event.seq, event.at, event.snapshot) == (7, AT, "n/b/x")
    assert event.contact == "sip:1001@10.0.0.1:5060;transport=tcp"
    assert event.binding == event.contact
    assert event.transport is Transport.TCP
    assert event.expires_at == AT + timedelta(seconds=3569)
    assert (event.remote.ip, event.remote.port) == ("10.0.0.1", 41001)
    assert event.call_id == "abc@phone"


def test_a_listed_user_may_hold_an_at_sign() -> None:
    (row,) = _rows(registrations(registration(user="john@corp.com@sip.example.test")))
    record = snapshots.registration_row(SNAPSHOT, row, 0)
    assert record.key == "sip:john%40corp.com@sip.example.test"


def test_empty_is_a_listing_and_errors_are_not() -> None:
    assert read_registrations(registrations()) == []
    for answer in ("", "-ERR no such command", "Invalid Profile!\n", registrations()[:-12]):
        with pytest.raises(ListingUnreadable):
            read_registrations(answer)


def test_a_listing_cut_off_in_a_row_is_none() -> None:
    answer = registrations(registration())
    broken = answer.replace("    </registration>\n", "")
    with pytest.raises(ListingUnreadable):
        read_registrations(broken)


_line = st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=80)
_spoof = st.sampled_from(
    [
        "</call-id><user>victim@sip.example.test</user>",
        "x</call-id></registration></registrations></profile>",
        "&lolz;",
        "<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]>&y;",
        "]]>",
    ]
)


@given(
    call_id=_line | _spoof,
    agent=st.text(max_size=80) | _spoof,
)
def test_no_value_changes_another_row_or_field(call_id: str, agent: str) -> None:
    rows = _rows(registrations(registration(call_id=call_id, agent=agent), registration()))
    assert [row.user for row in rows] == ["1001@sip.example.test"] * 2
    assert rows[0].call_id == call_id
    assert rows[0].user_agent == agent
    assert rows[1].call_id == "abc@phone"


def test_a_row_of_another_form_is_broken_not_dropped() -> None:
    answer = registrations(registration().replace("user>", "person>"))
    (row,) = read_registrations(answer)
    assert isinstance(row, BrokenRow)
    assert row.field == "user"


def test_a_row_with_a_bad_user_is_named() -> None:
    (row,) = _rows(registrations(registration(user="no at")))
    with pytest.raises(InvalidRecord) as caught:
        snapshots.registration_row(SNAPSHOT, row, 0)
    assert caught.value.field == "user"


def _channel(**changed: str) -> dict[str, str]:
    return {
        "uuid": "leg-1",
        "direction": "outbound",
        "name": "sofia/internal/1001@sip.example.test",
        "cid_num": "1001",
        "dest": "1002",
        "presence_id": "1001@sip.example.test",
        "callstate": "ACTIVE",
        "call_uuid": "",
        **changed,
    }


@pytest.mark.parametrize(
    ("changed", "key", "state", "direction"),
    [
        ({}, "sip:1001@sip.example.test", CallState.ANSWERED, Direction.INCOMING),
        ({"callstate": "HELD"}, "sip:1001@sip.example.test", CallState.HELD, Direction.INCOMING),
        ({"callstate": "RINGING"}, "sip:1001@sip.example.test",
         CallState.RINGING, Direction.INCOMING),
        ({"name": "loopback/9-a"}, "leg-1", CallState.ANSWERED, Direction.INCOMING),
        ({"presence_id": ""}, "leg-1", CallState.ANSWERED, Direction.INCOMING),
        # A caller's presence_id is what the From claims (manage-presence).
        ({"direction": "inbound"}, "leg-1", CallState.ANSWERED, Direction.OUTGOING),
    ],
)  # fmt: skip
def test_channels(
    changed: dict[str, str], key: str, state: CallState, direction: Direction
) -> None:
    listed = snapshots.call_row(SNAPSHOT, _channel(**changed), None)
    assert listed is not None
    record, _ = listed
    assert record.key == key
    assert (record.event.state, record.event.direction) == (state, direction)
    assert record.event.call == "leg-1"


def test_a_legs_events_count_more_than_the_listing() -> None:
    known = LegIdentity("sip:1002@sip.example.test", "call-9", Direction.INCOMING, "1001")
    listed = snapshots.call_row(SNAPSHOT, _channel(), known)
    assert listed is not None
    assert (listed[0].key, listed[0].event.call) == ("sip:1002@sip.example.test", "call-9")


def test_ending_legs_are_not_listed() -> None:
    assert snapshots.call_row(SNAPSHOT, _channel(callstate="HANGUP"), None) is None


def test_channel_listings() -> None:
    assert read_channels('{"row_count": 0}\n') == []
    assert read_channels(json.dumps({"row_count": 1, "rows": [_channel()]})) == [_channel()]
    for answer in ("-ERR", "[]", '{"row_count": 2, "rows": [{}]}', '{"row_count":1,"rows":[1]}'):
        with pytest.raises(ListingUnreadable):
            read_channels(answer)


def test_encoding_of_the_sample_is_the_switchs() -> None:
    assert encode("\"<&'") == "&quot;&lt;&amp;&apos;"
