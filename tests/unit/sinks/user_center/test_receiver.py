"""The receiver: signatures, and the named error of each answer and each HTTP failure."""

import inspect
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from standardwebhooks import Webhook

from schemas.codec import encode
from sinks.user_center.cloud_event import batch_body, cloud_event
from sinks.user_center.errors import (
    BatchTooLarge,
    ReceiverAway,
    ReceiverRefusesUs,
    RecordsRefused,
)
from sinks.user_center.receiver import Receiver, away, refusal, retry_after
from tests.user_center import SECRET, presence, settings

NOW = datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)
ALICE = presence("sip:alice@example.com", 3)


def test_signature_is_valid_by_the_standard() -> None:
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
def test_each_status_is_a_named_error(status: int, expected: type[Exception]) -> None:
    error = refusal(httpx.Response(status), "why", 60)
    assert type(error) is expected
    assert error.reason == f"http-{status}"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_success_is_a_delivery(status: int) -> None:
    assert refusal(httpx.Response(status), "", 60) is None


def test_every_httpx_request_error_is_mapped() -> None:
    """Fails when a new error of httpx is mapped by the catch-all only."""
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
