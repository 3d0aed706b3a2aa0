"""`python -m benchmarks.gateway_resume`: subscribers of killed gateways resume at another one.

A domain of many users changes at a steady rate. Thousands of subscribers watch some of its users,
and some all of it. Again and again the gateway that serves them is killed; after a cut they all
reconnect to the other one, with their cursors, and the killed one starts again. The last line is
one JSON object: bytes against those of the whole state, and seconds until all were live. A version
that a subscriber missed, or got twice after `live`, ends the run with an error and no figures.
"""

import argparse
import os
import random
import signal
import time
from dataclasses import dataclass
from typing import Any

from benchmarks.changes import Changes, Roll
from benchmarks.figures import finish
from benchmarks.population import Population
from benchmarks.process import memory_mb
from benchmarks.resuming import SPREAD_SECONDS, Bytes, Round, Subscribers
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.watchers import possible
from local.stage_process import StageProcess
from schemas.topics import PRESENCE

DOMAIN = "resume.test"
# The check takes time of the subscribers' process.
POLL_SECONDS = 1.0


@dataclass(slots=True)
class OneDomain(Population):
    """All users in one domain."""

    def aor(self, number: int) -> str:
        return f"sip:{1_000_000 + number}@{DOMAIN}"


def watched_by(narrow: int, each: int, whole: int, population: Population) -> list[list[str]]:
    """The users of each subscriber, none where it watches the whole domain; in random order, in
    which they reconnect."""
    draw, users = random.Random(1), range(population.users)
    some = [[population.aor(n) for n in draw.sample(users, each)] for _ in range(narrow)]
    mixed = some + [[] for _ in range(whole)]
    draw.shuffle(mixed)
    return mixed


def kill_once(
    gateways: list[StageProcess], subscribers: Subscribers, cut: float
) -> tuple[Round, float]:
    """The first gateway is killed, and starts again; all go to the second, which becomes the first.

    On average a subscriber reconnects `cut` seconds after the kill. Returns the round, and the
    memory of the second, in MB.
    """
    gone, serving = gateways
    os.kill(gone.pid or 0, signal.SIGKILL)
    time.sleep(cut - SPREAD_SECONDS / 2)
    found = subscribers.connect(serving.status()["url"])
    memory = memory_mb(serving.pid or 0)
    gone.start()
    gone.wait_ready(time.monotonic() + 120)
    gateways.reverse()
    return found, memory


def measure(scene: Scene, options: Any) -> dict[str, Any]:
    narrow = possible(options.subscribers)
    population = OneDomain(options.users)
    roll = Roll(population)
    scene.send(PRESENCE, roll.first())
    limit = {
        "ROLLCALL_GATEWAY_PORT": "0",
        "ROLLCALL_GATEWAY_SUBSCRIBERS_MAX": str(2 * narrow + 100),
    }
    gateways = [scene.stage("gateway", name, **limit) for name in ("one", "other")]
    watched = watched_by(narrow, options.each, options.whole, population)
    subscribers = Subscribers(DOMAIN, watched)
    try:
        progress(f"{narrow:,} subscribers of {options.each} users, {options.whole} of all...")
        first = subscribers.connect(gateways[0].status()["url"])
        changes = Changes(scene.kafka, roll, options.rate, 0)
        scene.wait_until_warm()
        rounds = []
        for number in range(options.kills):
            rounds.append(kill_once(gateways, subscribers, options.cut))
            progress(f"kill {number + 1}: all live {rounds[-1][0].seconds:.1f} s later")
        newest = roll.newest(changes.stop())

        def are_right() -> bool:
            time.sleep(POLL_SECONDS)
            return subscribers.behind(newest) == 0

        wait(are_right, 60, "the newest version at every subscriber")
        report = subscribers.report()
    finally:
        subscribers.close()
    resumed = sum(found.resumed for found, _ in rounds)
    if report.unwatched or report.stale:
        raise NotReached(f"{report.unwatched} messages of users not watched, {report.stale} old")
    return {
        "subscribers": len(watched),
        "kills": len(rounds),
        "not_resumed": len(rounds) * len(watched) - resumed,
        "whole_domain": shares([found.whole for found, _ in rounds], first.whole),
        "some_users": shares([found.narrow for found, _ in rounds], first.narrow),
        "live_after_s": round(max(found.seconds for found, _ in rounds), 1),
        "first_live_after_s": round(first.seconds, 1),
        "gateway_mb": max(memory for _, memory in rounds),
        "wrong": 0,
    }


def shares(resumed: list[Bytes], first: Bytes) -> dict[str, float]:
    """Bytes until `live` against those of the whole state: on average, and of the largest round.

    `of_the_cut`: without what changed while a subscriber waited to be served, which it would have
    got as well if it had been.
    """
    whole = max(first.all, 1)
    all_, cut = [one.all for one in resumed], [one.all - one.waited for one in resumed]
    return {
        "of_the_cut": round(sum(cut) / len(cut) / whole, 4),
        "of_the_cut_max": round(max(cut) / whole, 4),
        "until_live": round(sum(all_) / len(all_) / whole, 4),
        "until_live_max": round(max(all_) / whole, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--each", type=int, default=10, help="users that each of them watches")
    parser.add_argument("--whole", type=int, default=5, help="subscribers to the whole domain")
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--rate", type=int, default=1_000, help="changes/s of all users")
    parser.add_argument("--cut", type=float, default=2.0, help="mean seconds without a connection")
    parser.add_argument("--kills", type=int, default=20)
    options = parser.parse_args()
    with Scene() as scene:
        found = measure(scene, options)
    finish({"users": options.users, "changes_per_second": options.rate, **found})


if __name__ == "__main__":
    main()
