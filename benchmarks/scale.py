"""`python -m benchmarks.scale`: the cost of a million registered users in one worker.

Memory a user; the cost of a refresh from ten thousand users on; the steady load when all users
register again every 60 s. The last line is one JSON object; a wrong user ends the run without one.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from benchmarks import load, logged, prepared
from benchmarks.figures import delays_ms, finish
from benchmarks.heartbeats import beating
from benchmarks.population import Population
from benchmarks.process import LagWatch, cpu_seconds, memory_mb, paused
from benchmarks.scene import Scene, progress, wait
from benchmarks.subscriber import Subscriber
from runtime.partitioner import partition_of
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind

REFRESH_SECONDS = 60
# Figures of all users that have targets.
_LAST = ("cpu_us_per_refresh", "logged_bytes_per_refresh")
# Events a second of other users, whose changes measure the delay of presence.
PROBE_RATE = 200
# After a backlog, until its records in other topics are processed too.
REST_SECONDS = 1.5
# Refreshes in a backlog, each of another user.
BACKLOG = 10_000


class Sentinels:
    """A new user in each partition, behind a backlog: once online, the backlog is folded."""

    def __init__(self, scene: Scene, reader: Subscriber) -> None:
        self._scene, self._reader = scene, reader
        self._population = Population(1_000_000, group="sentinels")
        self._next = 0

    def send(self) -> int:
        """Send them; returns how many sentinels are online once the backlog is folded."""
        missing = set(range(self._scene.kafka.partitions))
        while missing:
            number, self._next = self._next, self._next + 1
            partition = partition_of(
                self._population.aor(number).encode(), self._scene.kafka.partitions
            )
            if partition in missing:
                missing.remove(partition)
                kind = RegistrationKind.REGISTERED
                self._scene.send(REGISTRATIONS, [self._population.registration(number, kind)])
        return self._reader.known["sentinels"] + self._scene.kafka.partitions

    def wait_for(self, count: int, seconds: float) -> None:
        """Raises NotReached."""
        wait(lambda: self._reader.known["sentinels"] >= count, seconds, "the backlog's end")


def measure_refresh(
    scene: Scene, sentinels: Sentinels, population: Population, pid: int, rounds: int
) -> dict[str, float]:
    """Backlogs of refreshes: the rate at which the worker folds them, its CPU time and the bytes
    that it logs for each.

    Each backlog has the same number of different users at all sizes, so that what is written once
    for several events of a user is the same.
    """
    before = logged.ends(scene.kafka)
    seconds, cpu, events = 0.0, cpu_seconds(pid), 0
    for _ in range(rounds):
        backlog = list(population.refreshes(BACKLOG, events))
        with paused(pid):
            events += scene.send(REGISTRATIONS, backlog)
            count = sentinels.send()
        began = time.monotonic()
        sentinels.wait_for(count, 120)
        seconds += time.monotonic() - began
    time.sleep(REST_SECONDS)
    used = cpu_seconds(pid) - cpu
    written = logged.bytes_between(scene.kafka, before, logged.ends(scene.kafka))
    return {
        "refreshes_per_second": round(events / seconds),
        "cpu_us_per_refresh": round(used * 1e6 / events, 1),
        "logged_bytes_per_refresh": round(written / events),
    }


def measure_steady(
    scene: Scene, reader: Subscriber, population: Population, pid: int, seconds: float
) -> dict[str, Any]:
    """All users refresh every minute, open loop; the delay of other users' changes."""
    rate = population.users // REFRESH_SECONDS
    progress(f"{rate:,} refreshes/s for {seconds:.0f} s...")
    probes, mark = Population(PROBE_RATE, group="probes"), len(reader.seen)
    prober = load.Load(scene.kafka, PROBE_RATE, probes)
    began, cpu, sent = time.monotonic(), cpu_seconds(pid), 0
    refreshes = population.refreshes(int(rate * (seconds + 1)))
    with LagWatch(scene.kafka) as lag:
        while (now := time.monotonic() - began) < seconds:
            due = int(now * rate) - sent
            sent += scene.send(REGISTRATIONS, (next(refreshes) for _ in range(due)))
            time.sleep(0.005)
    used = (cpu_seconds(pid) - cpu) / (time.monotonic() - began)
    load.check(reader, mark, probes, prober.stop())
    delays = [d for _, d in load.delays(reader.since(mark, probes.group))]
    return {
        "refreshes_per_second": round(sent / seconds),
        "peak_lag_records": lag.peak,
        "worker_cores": round(used, 2),
        "probes": delays_ms(delays),
    }


def measure(scene: Scene, sizes: list[int], rounds: int, steady: float) -> dict[str, Any]:
    worker, reader = scene.stage("streams"), Subscriber(scene.kafka)
    pid = worker.pid or 0
    everybody = Population(sizes[-1])
    sentinels, empty, known = Sentinels(scene, reader), memory_mb(pid), 0
    result: dict[str, Any] = {"empty_worker_mb": empty, "at": {}}
    with beating(scene.kafka, everybody.node_names, everybody.boot):
        for size in sizes:
            everybody.users = size
            progress(f"{size:,} users...")
            cpu = cpu_seconds(pid)
            seconds = prepared.register(scene, reader, everybody, known)
            time.sleep(REST_SECONDS)
            new, known = size - known, size
            result["at"][str(size)] = {
                "registrations_per_second": round(new / seconds),
                "cpu_us_per_registration": round((cpu_seconds(pid) - cpu) * 1e6 / new, 1),
                **measure_refresh(scene, sentinels, everybody, pid, rounds),
                "worker_mb": memory_mb(pid),
            }
            progress(f"{result['at'][str(size)]}")
        result["steady"] = measure_steady(scene, reader, everybody, pid, steady)
        result["worker_peak_mb"] = memory_mb(pid, "VmHWM")
        # Before the heartbeats end: else the nodes would be lost while the users are checked, and
        # the next benchmark on this Kafka would find a million users offline.
        worker.stop()
    first, last = result["at"][str(sizes[0])], result["at"][str(sizes[-1])]
    result |= {
        "users": sizes[-1],
        **{name: last[name] for name in ("worker_mb", *_LAST)},
        "bytes_per_user": round((last["worker_mb"] - empty) * 1024 * 1024 / sizes[-1]),
        "cost_growth": round(last["cpu_us_per_refresh"] / first["cpu_us_per_refresh"], 2),
        "wrong": prepared.untouched(reader, everybody),
    }
    reader.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument(
        "--backlogs", type=int, default=3, help="of 10,000 refreshes each, at each size"
    )
    parser.add_argument("--seconds", type=float, default=12.0, help="of the steady load")
    parser.add_argument("--folder", type=Path, help="keep Kafka's data here, for `recovery`")
    arguments = parser.parse_args()
    sizes = [n for n in (BACKLOG, 100_000) if n < arguments.users] + [arguments.users]
    with Scene(arguments.folder) as scene:
        result = measure(scene, sizes, arguments.backlogs, arguments.seconds)
    if arguments.folder:
        prepared.note(arguments.folder, Population(arguments.users))
    finish(result)


if __name__ == "__main__":
    main()
