"""The report of several benchmarks: what is kept of an earlier run."""

from typing import Any

from benchmarks import report as pages
from benchmarks.__main__ import SMALL, added
from benchmarks.comparison import TARGETS


def report(command: str, date: str, **benchmarks: Any) -> dict[str, Any]:
    load = {"load_before": len(command)}
    return {"command": command, "date": date, "machine": load, "benchmarks": benchmarks}


def test_a_failed_benchmark_is_run_again_and_the_others_are_kept() -> None:
    before = report("all", "2026-01-01", scale={"users": 1}, recovery={"failed": "exit status 1"})
    now = report("recovery", "2026-01-02", recovery={"users": 2}, throughput={"limit": 3})
    assert added(now, before) == {
        "command": "all; then recovery",
        "date": "2026-01-01; then 2026-01-02",
        "machine": {"load_before": "3; then 8"},
        "benchmarks": {"throughput": {"limit": 3}, "scale": {"users": 1}, "recovery": {"users": 2}},
    }


def test_benchmarks_are_in_the_order_in_which_they_run() -> None:
    whole = report("all", "2026-01-01", **{name: {} for name in reversed(SMALL)})
    assert list(added(report("sinks", "2026-01-01", sinks={}), whole)["benchmarks"]) == list(SMALL)


def test_the_page_shows_by_how_much_a_target_is_missed_and_why() -> None:
    document = report("all", "2026-01-01", recovery={"restarted": {"standstill_s": 4.5}})
    document |= {"small": False, "versions": {}}
    document["benchmarks"]["throughput"] = {
        "rollcall_over": {"kafka_streams": 0.6},
        "rollcall_over_per_cpu_second": {"kafka_streams": 2.6},
    }
    targets = pages.render(document).split("## Targets")[1].split("## ")[0]
    met, why = targets.split("What limits the figures")
    assert "| ≤ 2.5 | 4.5 | **no**, 1.8 times short |" in met
    assert "| ≥ 1.2 | 0.6 | **no**, 2 times short |" in met
    assert "| ≥ 2.5 | 2.6 | yes |" in met
    assert "not measured" in met
    why, given_up = why.split("Given up as targets:")
    assert "half of the bare limit's rate" in given_up
    assert [line.split(" | ")[0] for line in why.splitlines() if line.startswith("| ")] == [
        "| what",
        "| ---",
        "| throughput (half the events change presence): times Kafka Streams'",
        "| planned restart with a million users: s until it moves",
    ]


def test_a_page_of_met_targets_names_no_limits() -> None:
    document = report("all", "2026-01-01", scale={"worker_mb": 800})
    document |= {"small": False, "versions": {}}
    assert "What limits the figures" not in pages.render(document)


def test_every_target_is_a_figure_of_a_benchmark() -> None:
    assert {target.figure.partition(".")[0] for target in TARGETS} <= set(SMALL)
    assert len({target.figure for target in TARGETS}) == len(TARGETS)
