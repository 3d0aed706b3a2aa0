"""`python -m benchmarks.recovery`: how long presence stands still when workers start and stop.

With a million users in the tables, and others who register and unregister all the time: the worker
is killed, restarted, joined by a second one, and left by it. A worker that ends is started again,
as `rollcall up` does. A standstill is measured at the subscriber: in each partition the longest
time without a change. The last line is one JSON object; a wrong user at the end, or a change that
is lost or published twice, ends the run without one.
"""

import argparse
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import load, prepared
from benchmarks.figures import finish
from benchmarks.heartbeats import beating
from benchmarks.population import Population
from benchmarks.process import memory_mb
from benchmarks.scene import READY_SECONDS, NotReached, Scene, progress, wait
from benchmarks.standstill import STEADY_SECONDS, Trial
from benchmarks.subscriber import Subscriber
from local.stage_process import StageProcess


class Supervisor:
    """Starts workers again that have ended, as `rollcall up` and other supervisors do."""

    def __init__(self) -> None:
        self.watched: list[StageProcess] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Supervisor":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(0.1):
            for process in list(self.watched):
                if process.revive():
                    progress("  a worker had ended; started again")


def restored(process: StageProcess, users: int) -> float:
    """Start it; returns the seconds until it is ready and has so many users."""
    began = time.monotonic()
    process.start()
    process.wait_ready(began + READY_SECONDS)
    wait(lambda: process.status().get("users", 0) >= users, 60, f"{users:,} users restored")
    seconds = round(time.monotonic() - began, 2)
    progress(f"restored in {seconds} s")
    return seconds


def measure(scene: Scene, population: Population, rate: int) -> dict[str, Any]:
    first, second = scene.prepare_stage("streams", "one"), scene.prepare_stage("streams", "two")
    result: dict[str, Any] = {"users": population.users, "events_per_second": rate}
    reader, others = Subscriber(scene.kafka), Population(rate, group="others")
    with beating(scene.kafka, population.node_names, population.boot), Supervisor() as supervisor:
        scene.wait_until_left("streams")
        progress("a worker with the changelogs only...")
        result["restored_from_changelog_s"] = restored(first, population.users)
        first.stop()
        progress("the same with the folder of the one before...")
        result["restored_from_folder_s"] = restored(first, population.users)
        supervisor.watched.append(first)
        _wait_until_read(reader, population)
        mark, trial = len(reader.seen), Trial(scene, reader, others.group)
        running = load.Load(scene.kafka, rate, others)
        time.sleep(STEADY_SECONDS)
        for name, act in _acts(scene, supervisor, first, second).items():
            result[name] = trial.disturb(name, act)
        result["worker_mb"] = memory_mb(first.pid or 0)
        # Two restarts of the first worker are the benchmark's own.
        result["crashes"] = first.restarts + second.restarts - 2
        load.check(reader, mark, others, running.stop())
    result["repeats"] = reader.repeats
    result["wrong"] = prepared.untouched(reader, population)
    supervisor.watched.clear()
    first.stop()
    reader.close()
    return result


def _wait_until_read(reader: Subscriber, population: Population) -> None:
    """Raises NotReached, with the causes that were read instead."""

    def reachable() -> int:
        return reader.reachable[population.group]

    try:
        wait(lambda: reachable() == population.users, 120, "all read")
    except NotReached as error:
        causes = Counter(one.cause for one in reader.users(population.group))
        raise NotReached(f"{error}: {reachable():,} reachable, by cause {dict(causes)}") from None


def _acts(
    scene: Scene, supervisor: Supervisor, first: StageProcess, second: StageProcess
) -> dict[str, Callable[[], None]]:
    """The disturbances of the workers, in this order."""

    def kill() -> None:
        os.kill(first.pid or 0, signal.SIGKILL)

    def kill_and_lose_the_folder() -> None:
        kill()
        shutil.rmtree(scene.folder / "one" / "data")

    def restart() -> None:
        supervisor.watched.remove(first)
        first.stop()
        first.start()
        supervisor.watched.append(first)

    def join() -> None:
        second.start()
        supervisor.watched.append(second)
        second.wait_ready(time.monotonic() + READY_SECONDS)

    def leave() -> None:
        supervisor.watched.remove(second)
        second.stop()

    return {
        "killed": kill,
        "killed_and_folder_lost": kill_and_lose_the_folder,
        "restarted": restart,
        "one_to_two_workers": join,
        "two_to_one_worker": leave,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rate", type=int, default=2_000, help="other users' events a second")
    parser.add_argument("--folder", type=Path, help="of the users that `scale --folder` registered")
    arguments = parser.parse_args()
    population = Population(arguments.users)
    with prepared.scene_with(population, arguments.folder) as scene:
        result = measure(scene, population, arguments.rate)
    finish(result)


if __name__ == "__main__":
    main()
