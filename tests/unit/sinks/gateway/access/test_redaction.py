"""Records without what a client may not see."""

import dataclasses
import json
from itertools import chain, combinations
from pathlib import Path
from typing import Any

import pytest

from schemas.presence import Presence, PresenceBinding, PresenceCall
from sinks.gateway.access.redaction import (
    ALL_PARTS,
    BINDING_FIELDS,
    CALL_FIELDS,
    RECORD_FIELDS,
    Fields,
    Part,
    redacted_message,
    redacted_record,
)
from sinks.gateway.message import presence_message, removal_message

EXAMPLE = Path(__file__).parents[5] / "schemas/examples/rollcall.presence.on-the-phone.json"
# What each part alone shows of the example.
SHOWN = {
    Part.CONTACT: ["sip:1002@192.0.2.12:42002"],
    Part.ADDRESS: ['"192.0.2.12"', "c0e7fafe27b142c8@fs1"],
    Part.USER_AGENT: ["Grandstream"],
    Part.PEER: ['"1001"'],
}


def record() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(EXAMPLE.read_text())
    return found


@pytest.mark.parametrize(
    ("model", "fields"),
    [(Presence, RECORD_FIELDS), (PresenceBinding, BINDING_FIELDS), (PresenceCall, CALL_FIELDS)],
)
def test_every_field_of_the_contract_is_shown_or_belongs_to_a_part(
    model: type[Any], fields: Fields
) -> None:
    assert set(fields) == {one.name for one in dataclasses.fields(model)}


@pytest.mark.parametrize(
    "granted", list(chain.from_iterable(combinations(Part, count) for count in range(5)))
)
def test_only_granted_parts_are_shown(granted: tuple[Part, ...]) -> None:
    text = json.dumps(redacted_record(record(), frozenset(granted)), separators=(",", ":"))
    for part, marks in SHOWN.items():
        for mark in marks:
            assert (mark in text) == (part in granted), (part, mark)
    for mark in ('"node":"fs1"', "call-answered", "evidence", '"version":3', '"state":"answered"'):
        assert mark in text


def test_fields_that_nobody_knows_are_hidden() -> None:
    later = record() | {"device_token": "x"}
    later["bindings"][0]["imei"] = "x"
    assert redacted_record(later, ALL_PARTS) == later
    shown = redacted_record(later, frozenset({Part.CONTACT}))
    assert "device_token" not in shown
    assert "imei" not in shown["bindings"][0]


def test_a_message_is_redacted_once_for_all_subscribers() -> None:
    value = json.dumps(record(), indent=1).encode()
    message = presence_message(value, 1.5)
    shown = redacted_message(message, frozenset({Part.PEER}))
    assert redacted_message(message, frozenset({Part.PEER})) is shown
    assert redacted_message(message, ALL_PARTS) is message
    assert json.loads(shown.value) == redacted_record(record(), frozenset({Part.PEER}))
    assert shown.sse == message.sse[: message.start] + shown.value + b"\n\n"
    assert (shown.aor, shown.version, shown.at) == (message.aor, message.version, 1.5)
    assert b"\n" not in shown.value
    other = presence_message(value, 1.5)
    assert redacted_message(other, frozenset()) is not redacted_message(message, frozenset())


def test_removals_have_nothing_to_hide() -> None:
    removal = removal_message("sip:ann@one.test", 1.0)
    assert redacted_message(removal, frozenset()) is removal
