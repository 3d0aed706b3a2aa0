"""What a user center may answer the sink: delivered, or one of the named failures, in bounds."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import AnyHttpUrl, SecretStr

from sinks.user_center.errors import DeliveryFailed, ReceiverAway
from sinks.user_center.receiver import Receiver, retry_after
from sinks.user_center.settings import UserCenterSettings
from tests.fuzz.hostile import fuzzed, mutated, texts
from tests.user_center import SECRET

_NOW = datetime(2026, 11, 24, tzinfo=UTC)
# Reasons without a status: the answer itself was broken.
_BROKEN = ("no-answer", "disconnected", "bad-redirect")
_WAITS = [
    b"120",
    b"Fri, 31 Dec 1999 23:59:59 GMT",
    b"Tue, 24 Nov 2026 06:00:00 +0100",
    b"Sunday, 06-Nov-94 08:49:37 GMT",
]


class Answering:
    """A receiver whose HTTP answers are given; one client for all examples."""

    def __init__(self) -> None:
        url = AnyHttpUrl("http://user-center")
        self.settings = UserCenterSettings(url=url, secret=SecretStr(SECRET), timeout_seconds=5)
        self.receiver = Receiver(self.settings)
        self.answer: Callable[[], httpx.Response] = lambda: httpx.Response(200)
        transport = httpx.MockTransport(lambda _: self.answer())
        self.receiver._http = httpx.Client(transport=transport, follow_redirects=False)

    def post(self, answer: Callable[[], httpx.Response]) -> DeliveryFailed | None:
        self.answer = answer
        try:
            self.receiver.post("msg_1", b"[]")
        except DeliveryFailed as failure:
            return failure
        return None


_CENTER = Answering()


def _response(status: int, headers: Any, body: Iterator[bytes]) -> httpx.Response:
    return httpx.Response(status, headers=headers, content=body)


@fuzzed(200)
@given(
    st.integers(200, 599) | st.sampled_from([200, 301, 413, 422, 429, 503, 600, 999]),
    mutated(_WAITS),
    st.lists(st.binary(max_size=50), max_size=5),
    st.sampled_from([b"", b"gzip", b"deflate", b"br", b"\xff"]),
    texts(40),
)
@example(503, b"Mon, 01 Jan 99999999999 00:00:00 GMT", [], b"", "")  # ended the sink
@example(302, b"", [], b"", "http:x")  # the same, though no redirect is followed
@example(429, b"Mon, 01 Jan 2026 00:00:00 +9999999999999", [], b"", "")
def test_any_answer_is_delivered_or_a_named_failure(
    status: int, wait: bytes, body: list[bytes], encoding: bytes, location: str
) -> None:
    headers = [
        (b"retry-after", wait),
        (b"content-encoding", encoding),
        (b"location", location.encode()),
    ]
    failure = _CENTER.post(lambda: _response(status, headers, iter(body)))
    broken = failure is not None and failure.reason in _BROKEN
    assert (failure is None) == (200 <= status < 300) or broken
    assert len(str(failure)) < 5000
    if isinstance(failure, ReceiverAway) and failure.retry_after is not None:
        assert 0 <= failure.retry_after <= _CENTER.settings.retry_after_max_seconds


@fuzzed(300)
@given(mutated(_WAITS).map(lambda value: value.decode("latin-1")) | texts(60))
def test_any_retry_after_is_seconds_or_none(value: str) -> None:
    wait = retry_after(value, _NOW)
    assert wait is None or wait >= 0


def test_an_endless_answer_is_a_named_error() -> None:
    read = 0

    def endless() -> Iterator[bytes]:
        nonlocal read
        while True:
            read += 1024
            yield b"x" * 1024

    failure = _CENTER.post(lambda: _response(500, [], endless()))
    assert isinstance(failure, ReceiverAway)
    assert read <= 128 * 1024
    assert len(str(failure)) < 1100


@pytest.mark.parametrize("status", [200, 500])
def test_a_dripping_answer_is_a_named_error(status: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_CENTER.receiver, "_timeout", 0.0)

    def dripping() -> Iterator[bytes]:
        while True:
            yield b""
            yield b"x"

    failure = _CENTER.post(lambda: _response(status, [], dripping()))
    assert isinstance(failure, ReceiverAway)
    assert failure.reason == "timeout"
