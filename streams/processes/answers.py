"""One health page for all processes of a stage: what they answer, put together."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

# The label that tells the processes' series apart, and its value of the stage's own ones.
LABEL, PARENT = "process", "parent"


def status(processes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The keys of one worker's /status, over all; and each process's own, under `processes`."""
    each = list(processes)
    return {
        "folded": sum(one.get("folded", 0) for one in each),
        "partitions": sorted({number for one in each for number in one.get("partitions", ())}),
        "users": sum(one.get("users", 0) for one in each),
        "failed": any(one.get("failed", False) for one in each),
        "processes": [dict(one) for one in each],
    }


def readiness(number: int, answer: Mapping[str, Any] | None) -> str | None:
    """Why a process is not ready, from its answer to /readyz, if so."""
    if answer is None:
        return f"process {number} does not answer"
    if answer.get("ready"):
        return None
    reasons = answer.get("reasons") or ["not ready"]
    return f"process {number}: {'; '.join(map(str, reasons))}"


def liveness(number: int, answer: Mapping[str, Any] | None) -> str | None:
    """Why a process must be restarted, from its answer to /healthz, if so.

    One that does not answer at all is starting, or has ended and is started again.
    """
    stuck = (answer or {}).get("stuck")
    return f"process {number}: {stuck}" if stuck else None


def metrics(texts: Mapping[str, str]) -> bytes:
    """Prometheus' text format of several processes as one, their series told apart by a label.

    `texts` are the processes' own, by the label's value.
    """
    registry = CollectorRegistry()
    registry.register(_Families(lambda: _labelled(texts)))
    return generate_latest(registry)


class _Families:
    def __init__(self, families: Callable[[], Iterable[Metric]]) -> None:
        self.collect = families

    def describe(self) -> Iterator[Metric]:
        """Nothing: the registry need not look for names that are taken."""
        return iter(())


def _labelled(texts: Mapping[str, str]) -> Iterable[Metric]:
    families: dict[str, Metric] = {}
    for process, text in texts.items():
        for family in text_string_to_metric_families(text):
            samples = [
                one._replace(labels={LABEL: process, **one.labels}) for one in family.samples
            ]
            families.setdefault(family.name, family)
            known = families[family.name]
            known.samples = samples if known is family else known.samples + samples
    return families.values()
