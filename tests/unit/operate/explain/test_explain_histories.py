"""Over generated histories of a cluster: the log folded again gives what was published."""

import random
from datetime import datetime, timedelta

import pytest

from streams.batches.leases import Leases
from streams.batches.partition_state import PartitionState
from streams.folds.presence import current
from streams.models import Presence
from streams.settings import StreamsSettings
from tests.histories.delivery import deliver
from tests.histories.history import LEASE, draw
from tests.histories.reports import START
from tests.unit.operate.explain.logging_pipeline import LoggingPipeline

HISTORIES, SHARE = 300, 100


Then = tuple[datetime, dict[str, Presence | None]]


def played(seed: int) -> tuple[LoggingPipeline, Then]:
    """A history through a pipeline that keeps its log, and what was published in the middle."""
    chance = random.Random(seed)
    delivery = deliver(draw(chance).reports, chance)
    grace = timedelta(seconds=chance.choice((0, 20)))
    settings = StreamsSettings(grace={"*": grace})
    state = PartitionState(0, {}, {}, settings.expiry_slack, settings.grace_of)
    pipeline = LoggingPipeline(
        state=state, leases=Leases(LEASE, LEASE), now=START, settings=settings
    )
    middle = chance.randrange(len(delivery.records))
    then: Then = START, {}
    for number, (at, report) in enumerate(delivery.records):
        pipeline.wait(START + timedelta(seconds=at) - pipeline.now)
        if number == middle:
            then = pipeline.now, {aor: pipeline.last(aor) for aor in users(pipeline)}
        pipeline.feed(report.topic, [(report.key, report.event)])
    pipeline.wait(grace + timedelta(seconds=1))
    return pipeline, then


def users(pipeline: LoggingPipeline) -> set[str]:
    return {presence.aor for presence in pipeline.published}


def refolded(pipeline: LoggingPipeline, aor: str, until: datetime | None = None) -> Presence | None:
    session = pipeline.refold(aor, until)[0].session
    return None if session is None else current(session)


@pytest.mark.parametrize("first", range(1, HISTORIES, SHARE))
def test_log_folded_again_gives_what_was_published(first: int) -> None:
    compared = 0
    for seed in range(first, first + SHARE):
        pipeline, (moment, then) = played(seed)
        for aor in users(pipeline):
            assert refolded(pipeline, aor) == pipeline.last(aor), (seed, aor)
        for aor, presence in then.items():
            assert refolded(pipeline, aor, moment) == presence, (seed, aor, moment)
            compared += 1
    assert compared > SHARE
