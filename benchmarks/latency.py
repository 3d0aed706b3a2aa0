"""`python -m benchmarks.latency`: from a source's event to the presence a subscriber reads.

First events at steady rates, half of which change presence; then clients that close real sockets,
which the kernel reports, under other users' events. The last line is one JSON object; a wrong
change ends the run with an error and no figures.
"""

import argparse
import time
from typing import Any

from benchmarks.clients import Clients, Servers
from benchmarks.figures import delays_ms, finish
from benchmarks.load import Load, check, delays
from benchmarks.phones import PHONES, over_connections, watching
from benchmarks.population import Population
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.subscriber import Subscriber
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import Cause, Status

RATES = (1_000, 5_000)
# The first batches are not part of a steady rate.
WARM_UP_SECONDS = 3.0


def warm_up(scene: Scene, reader: Subscriber, rate: int) -> None:
    """Load that is not measured, until Kafka is warm."""
    progress(f"{rate:,} events/s to warm up...")
    population, mark = Population(rate, group="first"), len(reader.seen)
    load = Load(scene.kafka, rate, population)
    scene.wait_until_warm()
    check(reader, mark, population, load.stop())


def measure_rate(scene: Scene, reader: Subscriber, rate: int, seconds: float) -> dict[str, Any]:
    """Delays at one rate; every change of presence is checked and counted."""
    progress(f"{rate:,} events/s for {seconds:.0f} s...")
    population, mark = Population(rate, group=f"at{rate}"), len(reader.seen)
    load = Load(scene.kafka, rate, population)
    began = time.monotonic()
    time.sleep(WARM_UP_SECONDS + seconds)
    sent = load.stop()
    check(reader, mark, population, sent)
    measured = [
        delay
        for due, delay in delays(reader.since(mark, population.group))
        if due >= began + WARM_UP_SECONDS
    ]
    return {**delays_ms(measured), "wrong": 0}


def measure_closes(
    scene: Scene, reader: Subscriber, port: int, closes: int, rate: int
) -> dict[str, Any]:
    """One close() after another, 20 ms apart, under `rate` other events a second."""
    clients = Clients(port, closes)
    scene.send(REGISTRATIONS, over_connections([clients], port))
    wait(lambda: reader.reachable[PHONES.group] == closes, 60, "all online")
    others = Population(rate, group="others")
    mark, load = len(reader.seen), Load(scene.kafka, rate, others)
    time.sleep(WARM_UP_SECONDS)
    progress(f"{closes} closes under {rate:,} other events/s...")
    closed: dict[str, float] = {}
    for index in range(closes):
        closed[PHONES.aor(index)] = clients.close_one(index)
        time.sleep(0.02)
    wait(lambda: reader.reachable[PHONES.group] == 0, 60, "all offline")
    check(reader, mark, others, load.stop())
    clients.kill()
    changes = list(reader.since(mark, PHONES.group))
    right = (Status.OFFLINE, Cause.CONNECTION_CLOSED)
    wrong = [one for _, one in changes if (one.status, one.cause) != right]
    if wrong or len(changes) != closes:
        raise NotReached(f"{len(wrong)} wrong changes of {len(changes)}: {wrong[:3]}")
    delayed = [at - closed[one.aor] for at, one in changes]
    return {**delays_ms(delayed), "other_events_per_second": rate, "wrong": 0}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each rate")
    parser.add_argument("--closes", type=int, default=1_000)
    parser.add_argument("--background", type=int, default=2_000, help="events/s beside the closes")
    arguments = parser.parse_args()
    result: dict[str, Any] = {}
    servers = Servers(3)
    try:
        with Scene() as scene:
            scene.stage("streams")
            scene.stage("sockets", **watching(servers))
            reader = Subscriber(scene.kafka)
            warm_up(scene, reader, arguments.background)
            for rate in RATES:
                name = f"events_{rate}_per_second"
                result[name] = measure_rate(scene, reader, rate, arguments.seconds)
            result["socket_close"] = measure_closes(
                scene, reader, servers.port, arguments.closes, arguments.background
            )
            reader.close()
    finally:
        servers.close()
    finish(result)


if __name__ == "__main__":
    main()
