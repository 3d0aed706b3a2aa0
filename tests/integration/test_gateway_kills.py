"""Gateways are killed under load, and their subscribers resume at another: none misses a version.

`benchmarks.gateway_resume` in small.
"""

from contextlib import closing
from pathlib import Path

from benchmarks.changes import Changes, Roll
from benchmarks.gateway_resume import DOMAIN, OneDomain, watched_by
from benchmarks.resuming import Subscribers
from runtime.kafka import KafkaSettings
from tests.eventually import eventually
from tests.gateway import gateway
from tests.stages import StageProcess
from tests.user_center import publish

USERS = 2_000
KILLS = 2


def url_of(stage: StageProcess) -> str:
    return str(stage.status()["url"])


def test_subscribers_of_killed_gateways_miss_nothing(kafka: KafkaSettings, tmp_path: Path) -> None:
    population = OneDomain(USERS)
    roll = Roll(population)
    publish(kafka, [(aor, value) for aor, value, _ in roll.first()])
    watched = watched_by(60, 10, 3, population)
    folders = [tmp_path / name for name in ("one", "other")]
    for folder in folders:
        folder.mkdir()
    with (
        gateway(folders[0], kafka) as one,
        gateway(folders[1], kafka) as other,
        closing(Subscribers(DOMAIN, watched)) as subscribers,
    ):
        gateways = [one, other]
        whole = subscribers.connect(url_of(one))
        changes = Changes(kafka, roll, 100, 0)
        for _ in range(KILLS):
            gateways[0].kill()
            resumed = subscribers.connect(url_of(gateways[1]))
            assert resumed.resumed == len(watched)
            assert resumed.whole.all < whole.whole.all / 2
            gateways[0].start()
            gateways.reverse()
        newest = roll.newest(changes.stop())
        eventually(lambda: subscribers.behind(newest) == 0, what="the newest of every user")
        report = subscribers.report()
        assert (report.unwatched, report.stale) == (0, 0)
