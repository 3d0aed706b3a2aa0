"""Consumer lag in records and seconds, from positions and ends alone."""

from typing import Any

import pytest

from runtime import metrics
from runtime.lag import LagMeter, PartitionLag


def test_a_partition_read_to_its_end_has_no_lag() -> None:
    lag = PartitionLag()
    assert lag.observe(0.0, 10, 10) == (0, 0.0)
    assert lag.observe(9.0, 20, 20) == (0, 0.0)


def test_seconds_are_those_since_the_partition_ended_at_the_position() -> None:
    lag = PartitionLag()
    for second in range(11):  # ten records a second are written
        lag.observe(float(second), 0, 10 * second)
    assert lag.observe(11.0, 0, 110) == (110, 11.0)
    assert lag.observe(12.0, 50, 120) == (70, 7.0)
    assert lag.observe(13.0, 119, 130) == (11, 2.0)
    assert lag.observe(14.0, 130, 130) == (0, 0.0)


def test_a_position_that_stands_still_ages() -> None:
    lag = PartitionLag()
    assert [lag.observe(float(second), 5, 6)[1] for second in range(4)] == [0.0, 1.0, 2.0, 3.0]


def test_a_position_that_goes_back_begins_again() -> None:
    lag = PartitionLag()
    lag.observe(0.0, 100, 100)
    assert lag.observe(5.0, 40, 100) == (60, 0.0)
    assert lag.observe(6.0, 40, 100) == (60, 1.0)


def test_few_ends_are_kept_however_long_the_lag_is() -> None:
    lag = PartitionLag()
    for second in range(10_000):
        records, seconds = lag.observe(float(second), 0, second)
    assert (records, seconds) == (9_999, 9_999.0)
    assert len(lag._ends) <= 513


class _Gauge:
    def __init__(self) -> None:
        self.values: dict[str, float] = {}

    def set(self, value: float, labels: dict[str, Any]) -> None:
        assert labels["stage"] == "test"
        self.values[labels["topic"]] = value


def test_gauges_sum_records_and_show_the_longest_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    records, seconds, now = _Gauge(), _Gauge(), 0.0
    monkeypatch.setattr(metrics, "LAG_RECORDS", records)
    monkeypatch.setattr(metrics, "LAG_SECONDS", seconds)
    meter = LagMeter("test", interval=1.0, clock=lambda: now)
    positions = {("a", 0): 5, ("a", 1): 7, ("b", 0): 1}

    def end_of(topic: str, number: int) -> int | None:
        return {("a", 0): 6, ("a", 1): 9, ("b", 0): None}[topic, number]

    meter.measure(lambda: positions, end_of)
    now = 0.5
    meter.measure(dict, end_of)  # not due
    assert (records.values, seconds.values) == ({"a": 3, "b": 0}, {"a": 0.0, "b": 0.0})
    now = 4.0
    positions[("a", 0)] = 6
    meter.measure(lambda: positions, end_of)
    assert (records.values, seconds.values) == ({"a": 2, "b": 0}, {"a": 4.0, "b": 0.0})
    now = 5.0
    meter.measure(dict, end_of)  # revoked
    assert (records.values, seconds.values) == ({"a": 0, "b": 0}, {"a": 0.0, "b": 0.0})
