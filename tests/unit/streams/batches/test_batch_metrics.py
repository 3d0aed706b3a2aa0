"""Delays of a batch's changes: a sample of all, and of those that ends of connections caused."""

from collections import Counter
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import metrics
from schemas.vocabulary import Cause
from streams.batches.batch_metrics import measure
from tests.unit.pipeline import NOW


class _Histogram:
    def __init__(self) -> None:
        self.recorded: list[float] = []

    def record(self, value: float) -> None:
        self.recorded.append(value)


@pytest.fixture
def histograms(monkeypatch: pytest.MonkeyPatch) -> tuple[list[float], list[float]]:
    """What is recorded of all changes, and of closes."""
    delays, closes = _Histogram(), _Histogram()
    monkeypatch.setattr(metrics, "PRESENCE_DELAY", delays)
    monkeypatch.setattr(metrics, "CLOSE_DELAY", closes)
    return delays.recorded, closes.recorded


def _output(*causes: tuple[Cause, float]) -> Any:
    """Changes by cause, and so many seconds before NOW."""
    published = [(cause, NOW - timedelta(seconds=ago)) for cause, ago in causes]
    return SimpleNamespace(fences=Counter(), causes=Counter(), published_causes=published)


def test_a_close_is_a_change_and_a_close(histograms: tuple[list[float], list[float]]) -> None:
    measure(_output((Cause.REGISTERED, 0.25), (Cause.CONNECTION_RESET, 0.5)), NOW)
    assert histograms == ([0.25, 0.5], [0.5])


def test_few_closes_among_many_changes_are_recorded(
    histograms: tuple[list[float], list[float]],
) -> None:
    many = [(Cause.REGISTERED, 1.0)] * 5_000
    measure(_output(*many, (Cause.CONNECTION_CLOSED, 2.0), *many), NOW)
    assert len(histograms[0]) == 16
    assert histograms[1] == [2.0]


def test_a_node_whose_clock_is_ahead_has_no_delay(
    histograms: tuple[list[float], list[float]],
) -> None:
    measure(_output((Cause.REGISTERED, -3.0)), NOW)
    assert histograms == ([0.0], [])


def test_boundaries_begin_at_a_millisecond() -> None:
    for histogram in (metrics.PRESENCE_DELAY, metrics.CLOSE_DELAY, metrics.GATEWAY_DELAY):
        boundaries: Any = vars(histogram)["_explicit_bucket_boundaries_advisory"]
        assert boundaries[0] == 0.001
        assert list(boundaries) == sorted(boundaries)
