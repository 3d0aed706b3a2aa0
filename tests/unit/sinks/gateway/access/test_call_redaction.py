"""Call records without what a client may not see."""

import dataclasses
import json
from itertools import chain, combinations
from typing import Any

import pytest

from schemas.call_record import (
    CallLeg,
    CallMedia,
    CallPickUp,
    CallRecord,
    CallSpeech,
    CallSpeechRequest,
    CallTransfer,
)
from schemas.codec import decode, encode
from sinks.gateway.access import call_redaction as shown
from sinks.gateway.access.redaction import ALL_PARTS, Fields, Part
from tests.unit.sinks.gateway.calls.making import START, ended

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@two.test", "sip:eve@two.test"
PICK_UP = CallPickUp(at=START, by=BOB, rang=ANN)
MARKS = {
    Part.ADDRESS: ["192.0.2.7", "corr-1"],
    Part.PEER: [BOB, EVE, "7002", "7003", "+49301234"],
}


def redacted(*granted: Part) -> dict[str, Any]:
    """Ann's, as a token of one.test sees it."""
    record = ended(1, ANN, BOB, joined=[EVE], pick_up=PICK_UP)
    return shown.redacted_call(
        json.loads(encode(record)), frozenset(granted), lambda aor: aor.endswith("@one.test")
    )


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CallRecord, shown.RECORD_FIELDS),
        (CallLeg, shown.LEG_FIELDS),
        (CallTransfer, shown.TRANSFER_FIELDS),
        (CallPickUp, shown.PICK_UP_FIELDS),
        (CallMedia, shown.MEDIA_FIELDS),
        (CallSpeech, shown.SPEECH_FIELDS),
        (CallSpeechRequest, shown.REQUEST_FIELDS),
    ],
)
def test_every_field_of_the_contract_is_shown_or_belongs_to_a_part(
    model: type[Any], fields: Fields
) -> None:
    assert set(fields) == {one.name for one in dataclasses.fields(model)}


@pytest.mark.parametrize(
    "granted", list(chain.from_iterable(combinations(Part, count) for count in range(5)))
)
def test_only_what_is_granted_is_shown_of_other_parties(granted: tuple[Part, ...]) -> None:
    text = json.dumps(redacted(*granted))
    for part, marks in MARKS.items():
        for mark in marks:
            assert (mark in text) == (part in granted), (part, mark)
    for mark in (ANN, '"mos": 4.1', '"state": "ended"', '"kind": "blind"', "fs1/b/1"):
        assert mark in text


def test_users_of_the_scope_are_shown_wherever_they_take_part() -> None:
    found = redacted()
    assert (found["users"], found["joined"], found["caller"]) == ([ANN], [], ANN)
    assert "callee" not in found
    assert found["pick_up"] == {"at": "2026-01-01T00:00:00Z", "rang": ANN}
    assert [leg.get("aor") for leg in found["legs"]] == [ANN, None]
    assert "by" not in found["transfers"][0]


def test_with_every_part_it_is_the_record_itself() -> None:
    record = json.loads(encode(ended(1, ANN, BOB)))
    assert shown.redacted_call(record, ALL_PARTS, lambda _: False) is record


def test_what_is_left_can_still_be_read() -> None:
    record = redacted(Part.ADDRESS)
    assert decode(CallRecord, json.dumps(record).encode()).id == "call-1"
