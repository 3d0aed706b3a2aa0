"""The report of several benchmarks: what is kept of an earlier run."""

from typing import Any

from benchmarks.__main__ import SMALL, added


def report(command: str, date: str, **benchmarks: Any) -> dict[str, Any]:
    load = {"load_before": len(command)}
    return {"command": command, "date": date, "machine": load, "benchmarks": benchmarks}


def test_what_failed_is_run_again_and_the_rest_is_kept() -> None:
    before = report("all", "2026-01-01", scale={"users": 1}, recovery={"failed": "exit status 1"})
    now = report("recovery", "2026-01-02", recovery={"users": 2}, throughput={"limit": 3})
    assert added(now, before) == {
        "command": "all; then recovery",
        "date": "2026-01-01; then 2026-01-02",
        "machine": {"load_before": "3; then 8"},
        "benchmarks": {"throughput": {"limit": 3}, "scale": {"users": 1}, "recovery": {"users": 2}},
    }


def test_benchmarks_stand_in_the_order_in_which_they_run() -> None:
    whole = report("all", "2026-01-01", **{name: {} for name in reversed(SMALL)})
    assert list(added(report("sinks", "2026-01-01", sinks={}), whole)["benchmarks"]) == list(SMALL)
