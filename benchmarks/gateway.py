"""`python -m benchmarks.gateway`: presence in Kafka → what subscribers of the gateway receive.

Thousands of subscribers, each watching some users, over event streams and then over WebSockets;
presence changes at a steady rate. Then the same over event streams, while clients ask for routes of
calls at a steady rate. The last line is one JSON object. A message of a user that is not
watched, an old version, or a subscriber without the newest version of each user at the end ends the
run with an error and no figures.
"""

import argparse
import random
import time
from typing import Any

from benchmarks.askers import Asked, Askers
from benchmarks.changes import Changes, Roll
from benchmarks.figures import delays_ms, finish
from benchmarks.population import Population
from benchmarks.process import cpu_seconds, memory_mb
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.watchers import Watchers, possible
from schemas.topics import PRESENCE

TRANSPORTS = ("sse", "websocket")
# Over event streams, and asked for routes.
ROUTES = "routes"
# The check takes time of the subscribers' process.
POLL_SECONDS = 0.5


def watched_by(subscribers: int, each: int, population: Population) -> list[list[str]]:
    """The users of each subscriber: random, the same in each run."""
    draw = random.Random(1)
    users = range(population.users)
    return [[population.aor(n) for n in draw.sample(users, each)] for _ in range(subscribers)]


def measure(
    scene: Scene, transport: str, watched: list[list[str]], roll: Roll, first: int, options: Any
) -> tuple[dict[str, Any], int]:
    """Figures of one transport, and the number of all changes so far."""
    stage = scene.stage(
        "gateway",
        transport,
        ROLLCALL_GATEWAY_PORT="0",
        ROLLCALL_GATEWAY_SUBSCRIBERS_MAX=str(len(watched)),
    )
    pid, status = stage.pid or 0, stage.status()
    empty = memory_mb(pid)
    progress(f"{len(watched):,} subscribers over {transport}...")
    began = time.monotonic()
    is_asked = transport == ROUTES
    watchers = Watchers(status["url"], "sse" if is_asked else transport, watched)
    live_s = time.monotonic() - began
    progress(f"{options.rate:,} changes/s for {options.seconds:.0f} s...")
    sent, cpu, began = stage.status()["sent"], cpu_seconds(pid), time.monotonic()
    changes = Changes(scene.kafka, roll, options.rate, first)
    scene.wait_until_warm()
    aors = [roll.population.aor(number) for number in range(roll.population.users)]
    askers = Askers(status["url"], aors, options.routes) if is_asked else None
    measured_from = time.monotonic()
    time.sleep(options.seconds)
    asked = askers.stop() if askers is not None else Asked()
    seconds, cpu = time.monotonic() - began, cpu_seconds(pid) - cpu
    status = stage.status()
    messages = status["sent"] - sent
    total = changes.stop()
    newest = roll.newest(total)

    def are_right() -> bool:
        time.sleep(POLL_SECONDS)
        return watchers.behind(newest) == 0

    wait(are_right, 60, "the newest version at every subscriber")
    memory, report = memory_mb(pid), watchers.report()
    if asked.wrong:
        raise NotReached(f"{asked.wrong} of {len(asked.delays)} routes were wrong")
    if report.unwatched or report.stale or report.ended:
        raise NotReached(
            f"{report.unwatched} messages of users not watched, {report.stale} of old versions, "
            f"{report.ended} connections ended"
        )
    stage.stop()
    routes = {"asked": delays_ms(delay for _, delay in asked.delays)} if is_asked else {}
    return {
        **routes,
        **delays_ms(delay for due, delay in report.delays if due >= measured_from),
        "messages_per_second": round(messages / seconds),
        "coalesced": status["coalesced"],
        "cpu_us_per_message": round(cpu / max(messages, 1) * 1e6, 1),
        "cpu_share": round(cpu / seconds, 2),
        "gateway_mb": memory,
        "kb_per_subscriber": round((memory - empty) * 1024 / len(watched), 1),
        "live_after_s": round(live_s, 1),
        "wrong": 0,
    }, total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subscribers", type=int, default=10_000)
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--each", type=int, default=10, help="users a subscriber watches")
    parser.add_argument("--rate", type=int, default=1_000, help="changes/s of all users")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each transport")
    parser.add_argument("--routes", type=int, default=1_000, help="asked for a second")
    parser.add_argument("--transport", choices=(*TRANSPORTS, ROUTES), help="only this one")
    options = parser.parse_args()
    subscribers = possible(options.subscribers)
    if subscribers < options.subscribers:
        progress(f"only {subscribers:,} subscribers: a process may not have more files open")
    roll, changes = Roll(Population(options.users)), 0
    watched = watched_by(subscribers, options.each, roll.population)
    result: dict[str, Any] = {
        "subscribers": subscribers,
        "users": options.users,
        "users_each": options.each,
        "changes_per_second": options.rate,
        "routes_per_second": options.routes,
    }
    with Scene() as scene:
        scene.send(PRESENCE, roll.first())
        for transport in (options.transport,) if options.transport else (*TRANSPORTS, ROUTES):
            result[transport], changes = measure(scene, transport, watched, roll, changes, options)
    finish(result)


if __name__ == "__main__":
    main()
