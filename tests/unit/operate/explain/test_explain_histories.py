"""Over generated histories of a cluster: the log told again comes to what was published."""

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
from tests.histories.said import START
from tests.unit.operate.explain.logging_pipeline import LoggingPipeline

HISTORIES, SHARE = 300, 100


Then = tuple[datetime, dict[str, Presence | None]]


def played(seed: int) -> tuple[LoggingPipeline, Then]:
    """A history's records through a pipeline that keeps its log; what was so in its midst."""
    chance = random.Random(seed)
    delivery = deliver(draw(chance).said, chance)
    grace = timedelta(seconds=chance.choice((0, 20)))
    settings = StreamsSettings(grace={"*": grace})
    state = PartitionState(0, {}, {}, {}, {}, settings.expiry_slack, settings.grace_of)
    pipeline = LoggingPipeline(
        state=state, leases=Leases(LEASE, LEASE), now=START, settings=settings
    )
    midst = chance.randrange(len(delivery.records))
    then: Then = START, {}
    for number, (at, said) in enumerate(delivery.records):
        pipeline.wait(START + timedelta(seconds=at) - pipeline.now)
        if number == midst:
            then = pipeline.now, {aor: pipeline.last(aor) for aor in users(pipeline)}
        pipeline.feed(said.topic, [(said.key, said.event)])
    pipeline.wait(grace + timedelta(seconds=1))
    return pipeline, then


def users(pipeline: LoggingPipeline) -> set[str]:
    return {presence.aor for presence in pipeline.published}


def told(pipeline: LoggingPipeline, aor: str, until: datetime | None = None) -> Presence | None:
    session = pipeline.retell(aor, until)[0].session
    return None if session is None else current(session)


@pytest.mark.parametrize("first", range(1, HISTORIES, SHARE))
def test_the_log_told_again_comes_to_what_was_published(first: int) -> None:
    compared = 0
    for seed in range(first, first + SHARE):
        pipeline, (moment, then) = played(seed)
        for aor in users(pipeline):
            assert told(pipeline, aor) == pipeline.last(aor), (seed, aor)
        for aor, presence in then.items():
            assert told(pipeline, aor, moment) == presence, (seed, aor, moment)
            compared += 1
    assert compared > SHARE
