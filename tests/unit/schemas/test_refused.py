"""The dead letter of a record that a stage could not use: within the contract, one a stage."""

import base64
from datetime import UTC, datetime

from schemas.codec import validate
from schemas.dead_letter import MAX_PAYLOAD, DeadLetter
from schemas.refused import Refused, refused

AT = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)


def _refused(stage: str = "gateway", reason: str = "no JSON") -> Refused:
    return refused(stage, "rollcall.presence/2/9", b"\xff" * 100_000, reason, "f" * 2000, AT)


def test_a_letter_keeps_the_bytes_and_fits_the_contract() -> None:
    made = validate(DeadLetter, _refused(reason="r" * 5000).value)
    assert (made.source, made.size) == ("rollcall.presence/2/9", 100_000)
    assert base64.b64decode(made.payload) == b"\xff" * MAX_PAYLOAD


def test_the_key_is_the_position_of_the_record() -> None:
    assert _refused().key == b"rollcall.presence/2/9"


def test_the_id_is_one_for_each_stage_and_record() -> None:
    """ClickHouse keeps one row an id: the user center's letter hid the gateway's."""
    ids = [dict(_refused(stage).headers)["ce_id"] for stage in ("gateway", "gateway", "streams")]
    assert ids[0] == ids[1] != ids[2]
