"""How often a client may ask."""

import pytest

from sinks.gateway.limits import request_rate
from sinks.gateway.limits.request_rate import RequestRate


def test_a_burst_and_then_the_rate() -> None:
    rate = RequestRate(2.0, 4)
    assert [rate.take("a", 100.0) for _ in range(5)] == [0.0, 0.0, 0.0, 0.0, 0.5]
    assert rate.take("b", 100.0) == 0.0
    assert rate.take("a", 100.25) == pytest.approx(0.25)
    assert rate.take("a", 100.5) == 0.0
    assert rate.take("a", 100.5) > 0.0
    assert [rate.take("a", 200.0) for _ in range(5)].count(0.0) == 4


def test_refused_requests_do_not_count() -> None:
    rate = RequestRate(1.0, 1)
    assert rate.take("a", 0.0) == 0.0
    assert all(rate.take("a", 0.5) > 0.0 for _ in range(1_000))
    assert rate.take("a", 1.0) == 0.0


def test_clients_remembered_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request_rate, "_CLIENTS_MAX", 10)
    rate = RequestRate(1.0, 1)
    for number in range(11):
        assert rate.take(str(number), 0.0) == 0.0
    assert rate.take("10", 0.0) > 0.0
    assert rate.take("0", 0.0) == 0.0, "the one that was quiet for longest"
