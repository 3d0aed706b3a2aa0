"""`python -m benchmarks.crashes`: from a client's close() to the change a subscriber reads.

Real TCP connections, the kernel's own word of their end, the real watcher, streams and Kafka. First
one close after another under other users' events, then very many at once. The last line is one JSON
object; a wrong change ends the run with an error and no figures.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import sys
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.clients import CONNECTIONS_MAX, Clients, Servers
from benchmarks.scene import NotReached, PresenceReader, Scene, registration, say, wait
from local.stage_process import StageProcess
from producers.sockets.query import ConnectionQuery, Found
from runtime.kafka import KafkaSettings
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import Cause, RegistrationKind, Status, Transport

NODE, BOOT = "edge1", "boot-1"


def _registration(
    user: str, seq: int, port: int, transport: Transport, cookie: int | None, kind: RegistrationKind
) -> tuple[str, RegistrationEvent]:
    remote = Address(ip="127.0.0.1", port=port)
    aor = f"sip:{user}@bench.test"
    return registration(NODE, BOOT, seq, aor, remote, transport, kind, cookie=cookie)


def _over_connections(
    prefix: str, clients: list[Clients], server: int, first: int
) -> Iterator[tuple[str, RegistrationEvent]]:
    """A registration for each connection, with the cookie the kernel gives it."""
    query = ConnectionQuery([server])
    local = Address(ip="127.0.0.1", port=server)
    ports = [port for one in clients for port in one.ports]
    for number, port in enumerate(ports):
        answer = query.cookie_of(local, Address(ip="127.0.0.1", port=port))
        if not isinstance(answer, Found):
            raise NotReached(f"the kernel does not know the connection from port {port}: {answer}")
        yield _registration(
            f"{prefix}{number}",
            first + number,
            port,
            Transport.TCP,
            answer.cookie,
            RegistrationKind.REGISTERED,
        )
    query.close()


def _others(kafka: KafkaSettings, users: int, rate: int) -> None:
    """Other users' refreshes, `rate` a second; runs in a process of its own until killed."""
    scene = Scene()
    scene.attach(kafka)
    seq = 10_000_000
    began, sent = time.monotonic(), 0
    while True:
        due = int((time.monotonic() - began) * rate)
        batch = []
        while sent < due:
            seq, sent = seq + 1, sent + 1
            number = sent % users
            kind = RegistrationKind.REFRESHED
            batch.append(_registration(f"other{number}", seq, 5060, Transport.UDP, None, kind))
        scene.publish(REGISTRATIONS, batch)
        time.sleep(0.005)


def _measure_closes(
    scene: Scene, reader: PresenceReader, port: int, closes: int, rate: int
) -> dict[str, Any]:
    clients = Clients(port, closes)
    scene.publish(REGISTRATIONS, _over_connections("user", [clients], port, 1))
    mine = "sip:user"
    wait(
        lambda: reader.count(lambda p: p.reachable and p.aor.startswith(mine)) == closes,
        60,
        "all online",
    )
    load = multiprocessing.Process(target=_others, args=(scene.kafka, 10_000, rate), daemon=True)
    load.start()
    wait(lambda: reader.count(lambda p: p.aor.startswith("sip:other")) >= 10_000, 90, "others")
    seen_before = len(reader.seen)
    say(f"{closes} closes under {rate} other events/s...")
    closed: dict[str, float] = {}
    for index in range(closes):
        closed[f"sip:user{index}@bench.test"] = clients.close_one(index)
        time.sleep(0.02)
    wait(
        lambda: reader.count(lambda p: not p.reachable and p.aor.startswith(mine)) == closes,
        60,
        "all offline",
    )
    load.kill()
    load.join()
    clients.kill()
    news = reader.seen[seen_before:]
    right = (Status.OFFLINE, Cause.CONNECTION_CLOSED)
    wrong = [p for _, p in news if p.aor not in closed or (p.status, p.cause) != right]
    if wrong or len(news) != closes:
        raise NotReached(f"{len(wrong)} wrong changes of {len(news)}: {wrong[:3]}")
    delays = sorted((at - closed[p.aor]) * 1000 for at, p in news)
    cuts = statistics.quantiles(delays, n=100)
    return {
        "closes": closes,
        "other_events_per_second": rate,
        "p50_ms": round(cuts[49], 1),
        "p99_ms": round(cuts[98], 1),
        "max_ms": round(delays[-1], 1),
        "wrong": 0,
    }


def _measure_mass(
    scene: Scene, reader: PresenceReader, sockets: StageProcess, port: int, many: int
) -> dict[str, Any]:
    shares = [min(CONNECTIONS_MAX, many - n) for n in range(0, many, CONNECTIONS_MAX)]
    say(f"{many} connections...")
    clients = [Clients(port, share) for share in shares]
    scene.publish(REGISTRATIONS, _over_connections("crowd", clients, port, 1_000_000))
    mine = "sip:crowd"
    wait(
        lambda: reader.count(lambda p: p.reachable and p.aor.startswith(mine)) == many,
        120,
        "all online",
    )
    seen_before = len(reader.seen)
    say("killing them...")
    began = time.monotonic()
    for one in clients:
        one.kill()
    wait(
        lambda: reader.count(lambda p: not p.reachable and p.aor.startswith(mine)) == many,
        120,
        "all offline",
    )
    news = reader.seen[seen_before:]
    wrong = [p for _, p in news if not p.aor.startswith(mine) or p.reachable]
    if wrong or len(news) != many:
        raise NotReached(f"{len(wrong)} wrong changes of {len(news)}")
    times = sorted(at - began for at, _ in news)
    status = sockets.status()
    return {
        "connections": many,
        "first_offline_s": round(times[0], 2),
        "half_offline_s": round(times[len(times) // 2], 2),
        "all_offline_s": round(times[-1], 2),
        "overflows": status["overflows"],
        "missed": 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--closes", type=int, default=1_000)
    parser.add_argument("--rate", type=int, default=2_000, help="other users' events a second")
    parser.add_argument("--many", type=int, default=20_000, help="connections closed at once")
    arguments = parser.parse_args()
    servers = Servers(3)
    try:
        with Scene() as scene:
            scene.stage("streams")
            sockets = scene.stage(
                "sockets", ROLLCALL_SOCKETS_NODE=NODE, ROLLCALL_SOCKETS_PORTS=f'["{servers.port}"]'
            )
            reader = PresenceReader(scene.kafka)
            result: dict[str, Any] = {"cores": os.cpu_count()}
            result["one_by_one"] = _measure_closes(
                scene, reader, servers.port, arguments.closes, arguments.rate
            )
            result["at_once"] = _measure_mass(scene, reader, sockets, servers.port, arguments.many)
            reader.close()
    finally:
        servers.close()
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
