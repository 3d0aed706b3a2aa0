"""The sink's pure parts: CloudEvents, webhook ids, answers and what they ask for, settings."""

import inspect
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from pydantic import ValidationError
from standardwebhooks import Webhook

from runtime.settings import BadSettings, load
from schemas.codec import encode
from sinks.user_center.cloud_event import batch_body, cloud_event, message_id, record_of
from sinks.user_center.errors import (
    BatchTooLarge,
    ReceiverAway,
    ReceiverRefusesUs,
    RecordsRefused,
)
from sinks.user_center.receiver import Receiver, away, refusal, retry_after
from sinks.user_center.settings import UserCenterSettings
from tests.user_center import SECRET, presence, settings

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
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


def test_signature_is_what_the_standard_asks_for() -> None:
    receiver = Receiver(settings("http://127.0.0.1:1/presence"))
    body = batch_body([cloud_event(ALICE, encode(ALICE), None)])
    headers = receiver.signature("msg_1", body)
    receiver.close()
    assert headers["webhook-id"] == "msg_1"
    Webhook(SECRET).verify(body, headers)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, RecordsRefused),
        (422, RecordsRefused),
        (413, BatchTooLarge),
        (408, ReceiverAway),
        (429, ReceiverAway),
        (500, ReceiverAway),
        (503, ReceiverAway),
        (599, ReceiverAway),
        (301, ReceiverRefusesUs),
        (401, ReceiverRefusesUs),
        (403, ReceiverRefusesUs),
        (404, ReceiverRefusesUs),
        (405, ReceiverRefusesUs),
        (415, ReceiverRefusesUs),
    ],
)
def test_answer_asks_for_a_reaction(status: int, expected: type[Exception]) -> None:
    error = refusal(httpx.Response(status), "why", 60)
    assert type(error) is expected
    assert error.reason == f"http-{status}"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_a_delivery(status: int) -> None:
    assert refusal(httpx.Response(status), "", 60) is None


def test_every_httpx_request_error_is_mapped() -> None:
    """Fails when httpx grows an error that falls through to the catch-all."""
    known = {"DecodingError", "TooManyRedirects", "UnsupportedProtocol", "ProxyError"}
    kinds = [
        kind
        for _, kind in inspect.getmembers(httpx, inspect.isclass)
        if issubclass(kind, httpx.RequestError)
    ]
    unmapped = {k.__name__ for k in kinds if away(k("x")).reason == "no-answer"}
    bases = {"RequestError", "TransportError", "ProtocolError", "LocalProtocolError"}
    assert unmapped - bases == known


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("3", 3.0),
        (" 0 ", 0.0),
        ("soon", None),
        ("-5", None),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(seconds=90), usegmt=True), 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, NOW) == seconds


def test_retry_after_is_bounded() -> None:
    error = refusal(httpx.Response(429, headers={"retry-after": "99999999999"}), "", 600)
    assert isinstance(error, ReceiverAway)
    assert error.retry_after == 600


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_c2hvcnQ=", "whsec_not base64 at all!!!"])
def test_useless_secret_is_refused(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ROLLCALL_USER_CENTER_SECRET", secret)
    with pytest.raises(BadSettings, match="ROLLCALL_USER_CENTER_SECRET"):
        load(UserCenterSettings)


def test_missing_secret_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ROLLCALL_USER_CENTER_SECRET", raising=False)
    with pytest.raises(BadSettings, match="ROLLCALL_USER_CENTER_SECRET"):
        load(UserCenterSettings)


def test_secret_does_not_show() -> None:
    assert SECRET not in repr(settings("http://127.0.0.1:1/"))


def test_backoff_bounds_are_in_order() -> None:
    with pytest.raises(ValidationError, match="backoff"):
        settings("http://127.0.0.1:1/", backoff_min_seconds=2, backoff_max_seconds=1)
