"""What several worker processes answer, as one answer."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.processes import answers
from streams.settings import StreamsSettings


def test_status_has_the_keys_of_one_worker_over_all() -> None:
    first = {"folded": 5, "partitions": [1, 3], "users": 7, "failed": False, "process": 1}
    second = {"folded": 6, "partitions": [0], "users": 1, "failed": True, "process": 2}
    silent = {"process": 3, "pid": None}
    assert answers.status([first, second, silent]) == {
        "folded": 11,
        "partitions": [0, 1, 3],
        "users": 8,
        "failed": True,
        "processes": [first, second, silent],
    }


def test_readiness_names_the_process_and_its_reasons() -> None:
    assert answers.readiness(1, {"ready": True}) is None
    assert answers.readiness(1, {"ready": False}) == "process 1: not ready"
    assert answers.readiness(2, {"ready": False, "reasons": ["a", "b"]}) == "process 2: a; b"
    assert answers.readiness(2, None) == "process 2 does not answer"


def test_only_a_stuck_main_loop_ends_the_stage() -> None:
    assert answers.liveness(1, {"stage": "streams"}) is None
    assert answers.liveness(1, None) is None
    assert answers.liveness(2, {"stuck": "for 40 s"}) == "process 2: for 40 s"


def exposed(count: int) -> str:
    registry = CollectorRegistry()
    Counter("folded", "what", ["topic"], registry=registry).labels("nodes").inc(count)
    Gauge("lag", "", registry=registry).set(count)
    Histogram("delay", "", buckets=(0.001, 1.0), registry=registry).observe(0.0005 * count)
    return generate_latest(registry).decode()


def test_metrics_are_the_series_of_each_process_in_one_family() -> None:
    merged = answers.metrics({"1": exposed(1), "2": exposed(3)}).decode()
    lines = merged.splitlines()
    assert 'folded_total{process="1",topic="nodes"} 1.0' in lines
    assert 'folded_total{process="2",topic="nodes"} 3.0' in lines
    assert 'delay_bucket{le="0.001",process="1"} 1.0' in lines
    assert 'delay_bucket{le="0.001",process="2"} 0.0' in lines
    assert lines.count("# TYPE delay histogram") == 1
    assert lines.count("# HELP folded_total what") == 1
    families = {family.name: family for family in text_string_to_metric_families(merged)}
    assert {sample.labels["process"] for sample in families["lag"].samples} == {"1", "2"}


def test_a_series_with_a_process_of_its_own_keeps_it() -> None:
    own = 'restarts_total{process="2"} 4.0'
    text = f"# HELP restarts_total \n# TYPE restarts_total counter\n{own}\n"
    assert own in answers.metrics({answers.PARENT: text}).decode().splitlines()


def test_the_number_of_processes() -> None:
    assert StreamsSettings().process_count(partitions=4, cores=8) == 1
    assert StreamsSettings(processes=3).process_count(partitions=4, cores=2) == 3
    assert StreamsSettings(processes=9).process_count(partitions=4, cores=2) == 4
    assert StreamsSettings(processes=0).process_count(partitions=4, cores=2) == 2
    assert StreamsSettings(processes=0).process_count(partitions=4, cores=64) == 4
