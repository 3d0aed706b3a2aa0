"""`python -m tests.live.restarts --runs N --phones P`: servers and producers that end and return.

Needs a FreeSWITCH and an OpenSIPS (ROLLCALL_TEST_…). A line a scenario: runs, wrong phones, seconds
until all was right (median and most). Exit status 1 where somebody was wrong.
"""

import argparse
import logging
import statistics
import sys
import tempfile
from pathlib import Path

import structlog

from local.kafka import EmbeddedKafka
from runtime.kafka import KafkaSettings
from tests.integration.conftest import own_topics
from tests.live.clusters import EdgeCluster, LiveCluster
from tests.live.restarts.playing import Outcome, Player
from tests.live.restarts.scenarios import SCENARIOS, Scenario


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.live.restarts", description=__doc__)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--phones", type=int, default=120)
    parser.add_argument("--only", default="", help="scenarios whose names have this in them")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    chosen = [one for one in SCENARIOS if arguments.only in one.name]
    wrong = 0
    with tempfile.TemporaryDirectory(prefix="rollcall-restarts-") as folder:
        kafka = EmbeddedKafka(Path(folder) / "kafka")
        kafka.start()
        try:
            for kind in dict.fromkeys(one.cluster for one in chosen):
                of_kind = [one for one in chosen if one.cluster == kind]
                place = Path(folder) / kind
                place.mkdir()
                with own_topics(kafka.bootstrap_servers) as settings:
                    wrong += _play(kind, settings, place, of_kind, arguments)
        finally:
            kafka.stop()
    return 1 if wrong else 0


def _play(
    kind: str,
    kafka: KafkaSettings,
    folder: Path,
    scenarios: list[Scenario],
    arguments: argparse.Namespace,
) -> int:
    cluster = EdgeCluster(kafka, folder) if kind == "edge" else LiveCluster(kind, kafka, folder)
    users = [f"extra-{number}" for number in range(1, arguments.phones + 1)]
    wrong = 0
    try:
        for scenario in scenarios:
            outcomes = [Player(cluster, users).play(scenario) for _ in range(arguments.runs)]
            wrong += _report(scenario, outcomes)
    finally:
        cluster.stop()
    return wrong


def _report(scenario: Scenario, outcomes: list[Outcome]) -> int:
    wrong = [line for outcome in outcomes for line in outcome.wrong]
    seconds = [outcome.seconds for outcome in outcomes]
    _print(
        f"| {scenario.name} | {len(outcomes)} | {len(wrong)} | "
        f"{statistics.median(seconds):.1f} | {max(seconds):.1f} |"
    )
    for line in wrong[:20]:
        _print(f"    {line}")
    return len(wrong)


def _print(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
