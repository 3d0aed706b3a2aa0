"""`python -m benchmarks.gateway_flood`: what subscribers and probes of a gateway have of a flood.

Subscribers receive changes at a steady rate; health and single records are asked all the time. In
turns without hostile connections (flood.py), with thousands of them to another gateway on the same
machine, and with as many to this one: what the second differs by is the machine's. The last line is
one JSON object; a subscriber without the newest version at the end ends the run with an error.
"""

import argparse
import threading
import time
from typing import Any

import httpx

from benchmarks.changes import Changes, Roll
from benchmarks.figures import delays_ms, finish
from benchmarks.flood import Flood
from benchmarks.gateway import POLL_SECONDS, watched_by
from benchmarks.population import Population
from benchmarks.process import memory_mb
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.watchers import Watchers
from local.stage_process import StageProcess
from schemas.topics import PRESENCE

KINDS = ("calm", "flood_elsewhere", "flood")


class Asking:
    """Asks a URL again and again over new connections, from construction to `stop`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stop = threading.Event()
        self._times: list[float] = []
        self._failures: list[str] = []
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()

    def _ask(self) -> None:
        while not self._stop.wait(0.05):
            began = time.monotonic()
            try:
                # Without TLS, and so without reading the authorities each time.
                httpx.get(self._url, trust_env=False, verify=False, timeout=20).raise_for_status()
            except httpx.HTTPError as error:
                self._failures.append(repr(error))
            self._times.append(time.monotonic() - began)

    def stop(self) -> dict[str, Any]:
        """The figures. Raises NotReached where any request failed."""
        self._stop.set()
        self._thread.join()
        if self._failures:
            raise NotReached(f"{len(self._failures)} requests failed: {self._failures[0]}")
        return delays_ms(self._times)


def measure(
    stage: StageProcess, aor: str, seconds: float, hostile: int, flooded: StageProcess | None
) -> dict[str, Any]:
    """Figures of one turn, and the gateway's memory at its end."""
    url = stage.status()["url"]
    flood = Flood(flooded.status()["url"], hostile) if flooded else None
    try:
        asking = [Asking(f"{stage.http}/readyz"), Asking(f"{url}/presence/{aor}")]
        time.sleep(seconds)
        readyz, record = (one.stop() for one in asking)
        return {
            "readyz": readyz,
            "record": record,
            "connections": stage.status()["connections"],
            "opened": flood.opened() if flood else 0,
            "gateway_mb": memory_mb(stage.pid or 0),
        }
    finally:
        if flood:
            flood.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=1_000)
    parser.add_argument("--users", type=int, default=10_000)
    parser.add_argument("--hostile", type=int, default=5_000)
    parser.add_argument("--rate", type=int, default=500, help="changes/s of all users")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each turn")
    parser.add_argument("--turns", type=int, default=3, help="of each kind")
    options = parser.parse_args()
    roll = Roll(Population(options.users))
    watched = watched_by(options.subscribers, 10, roll.population)
    turns: dict[str, list[dict[str, Any]]] = {name: [] for name in KINDS}
    delays: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS}
    with Scene() as scene:
        scene.send(PRESENCE, roll.first())
        stage = scene.stage("gateway", ROLLCALL_GATEWAY_PORT="0")
        other = scene.stage("gateway", "other", ROLLCALL_GATEWAY_PORT="0")
        flooded = dict(zip(KINDS, (None, other, stage), strict=True))
        watchers = Watchers(stage.status()["url"], "sse", watched)
        changes = Changes(scene.kafka, roll, options.rate, 0)
        scene.wait_until_warm()
        for name in options.turns * KINDS:
            progress(f"{name}...")
            began = time.monotonic()
            aor = roll.population.aor(0)
            turns[name].append(measure(stage, aor, options.seconds, options.hostile, flooded[name]))
            delays[name].append((began, time.monotonic()))
        newest = roll.newest(changes.stop())

        def are_right() -> bool:
            time.sleep(POLL_SECONDS)
            return watchers.behind(newest) == 0

        wait(are_right, 60, "the newest version at every subscriber")
        status, report = stage.status(), watchers.report()
        if report.unwatched or report.stale or report.ended:
            raise NotReached(f"{report.unwatched} not watched, {report.stale} old, {report.ended}")
    finish(
        {
            "subscribers": options.subscribers,
            "hostile": options.hostile,
            **{
                name: {
                    "change": delays_ms(
                        delay
                        for due, delay in report.delays
                        if any(began <= due < ended for began, ended in delays[name])
                    ),
                    "turns": turns[name],
                }
                for name in turns
            },
            "refused": status["refused"],
            "wrong": 0,
        }
    )


if __name__ == "__main__":
    main()
