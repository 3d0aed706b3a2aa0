"""The worker's positions, from which its lag is measured."""

from types import SimpleNamespace
from typing import Any

from faust.types import TP

from runtime.kafka import KafkaSettings
from schemas.topics import CALLS, REGISTRATIONS, SESSIONS
from streams.faust_adapter.progress import ConsumerProgress

KAFKA = KafkaSettings(namespace="n.")
SOURCE, OTHER, CHANGELOG = (TP(KAFKA.name(topic), 0) for topic in (REGISTRATIONS, CALLS, SESSIONS))


class _Consumer:
    flow_active = True

    def assignment(self) -> set[TP]:
        return {SOURCE, OTHER, CHANGELOG}

    def acknowledge(self, tp: TP, offset: int) -> None: ...

    def resumed_at(self, tp: TP) -> int:
        return 100 if tp == OTHER else 0

    def high_watermark(self, tp: TP) -> int | None:
        return 9 if tp == SOURCE else None


def _progress(*, rebalancing: bool = False) -> ConsumerProgress:
    completed = SimpleNamespace(is_set=lambda: True)
    app: Any = SimpleNamespace(
        consumer=_Consumer(),
        rebalancing=rebalancing,
        tables=SimpleNamespace(recovery=SimpleNamespace(completed=completed)),
    )
    return ConsumerProgress(app, KAFKA)


def test_positions_are_of_sources_and_the_newest_of_folded_and_committed_offsets() -> None:
    progress = _progress()
    progress.acknowledge(REGISTRATIONS, 0, 7)
    progress.acknowledge(CALLS, 0, 50)  # before another worker had the partition
    assert progress.positions() == {(SOURCE.topic, 0): 7, (OTHER.topic, 0): 100}
    assert progress.end_of(SOURCE.topic, 0) == 9
    assert progress.end_of(OTHER.topic, 0) is None


def test_a_worker_that_is_not_live_has_no_positions() -> None:
    assert _progress(rebalancing=True).positions() == {}
