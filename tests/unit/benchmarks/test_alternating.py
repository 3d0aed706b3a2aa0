"""Two checkouts' turns: medians of each, and of the ratios within a round."""

from types import SimpleNamespace
from typing import Any

from benchmarks.alternating import compared


def side(*delays: float) -> Any:
    turns = [{"p50_ms": one, "p99_ms": 10 * one, "cpu_us_per_event": 50.0} for one in delays]
    return SimpleNamespace(turns=turns)


def test_a_ratio_is_of_one_round_whatever_else_the_machine_did_in_it() -> None:
    found = compared({"this": side(8, 80, 16), "other": side(10, 100, 20)})
    assert found["this"]["p50_ms"] == 16
    assert found["other"]["p50_ms"] == 20
    assert found["this_over_other"] == {"p50_ms": 0.8, "p99_ms": 0.8, "cpu_us_per_event": 1.0}
    assert found["rounds"] == 3
