"""A presence record as a CloudEvent, the batch, and its id."""

import json

import pytest

from schemas.codec import encode
from sinks.user_center.cloud_event import batch_body, cloud_event, message_id, record_of
from tests.user_center import presence

ALICE = presence("sip:alice@example.com", 3)


def test_headers_become_attributes_and_data_passes_unchanged() -> None:
    value = encode(ALICE)[:-1] + b',"from_a_later_schema": [1, 2.50]}'
    headers = [
        ("ce_id", b"streams/7"),
        ("ce_source", b"rollcall/streams/w1"),
        ("ce_type", b"rollcall.presence"),
        ("ce_time", b"2026-01-02T03:04:05Z"),
        ("ce_subject", b"sip:alice@example.com"),
        ("content-type", b"application/json"),
        ("traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]
    event = cloud_event(ALICE, value, headers)
    assert json.loads(event) == {
        "specversion": "1.0",
        "id": "streams/7",
        "source": "rollcall/streams/w1",
        "type": "rollcall.presence",
        "time": "2026-01-02T03:04:05Z",
        "subject": "sip:alice@example.com",
        "datacontenttype": "application/json",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": json.loads(value),
    }
    assert record_of(event) == value


@pytest.mark.parametrize("headers", [None, [], [("ce_id", None)]])
def test_event_without_headers_is_made_from_the_record(
    headers: list[tuple[str, bytes | None]] | None,
) -> None:
    event = json.loads(cloud_event(ALICE, encode(ALICE), headers))
    assert event["id"] == "sip:alice@example.com/3"
    assert event["type"] == "rollcall.presence"
    assert event["time"] == "2026-01-02T03:04:08.678901Z"


def test_batch_is_a_json_array() -> None:
    assert json.loads(batch_body([b'{"a":1}', b'{"b":2}'])) == [{"a": 1}, {"b": 2}]


def test_message_id_depends_on_positions_only() -> None:
    positions = [("presence", 0, 7), ("presence", 1, 9)]
    assert message_id(positions) == message_id(list(positions))
    assert message_id(positions) != message_id(positions[:1])
    assert message_id([("t", 1, 11)]) != message_id([("t", 11, 1)])
