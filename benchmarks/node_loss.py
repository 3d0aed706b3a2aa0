"""`python -m benchmarks.node_loss`: a node with very many bindings falls silent, and is back.

Measured from its last heartbeat to the change of its last user, with the users of another node and
their delay meanwhile; then back with the same process and a snapshot. The last line is one JSON
object; a wrong change ends the run with an error and no figures.
"""

import argparse
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.scene import (
    NotReached,
    PresenceReader,
    Scene,
    node_event,
    registration,
    say,
    wait,
)
from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.topics import NODES, REGISTRATIONS
from schemas.vocabulary import Cause, NodeKind, RegistrationKind, Transport

LOST, OTHER, BOOT = "fs-lost", "fs-other", "boot-1"


def _registration(
    node: str, number: int, seq: int, kind: RegistrationKind, snapshot: str | None = None
) -> tuple[str, RegistrationEvent]:
    ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return registration(
        node,
        BOOT,
        seq,
        f"sip:u{number}@{node}.test",
        Address(ip=ip, port=5060),
        Transport.TCP if number % 2 else Transport.UDP,
        kind,
        snapshot=snapshot,
    )


def _snapshot(node: str, size: int, seq: int) -> Iterator[tuple[str, RegistrationEvent]]:
    for number in range(size):
        yield _registration(node, number, seq + number, RegistrationKind.SNAPSHOT_ROW, "snap-1")


def _memory(pid: int) -> float:
    """Resident memory, MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return round(int(line.split()[1]) / 1024, 1)
    return 0.0


def _others_delays(reader: PresenceReader, begun: dict[str, float]) -> list[float]:
    return sorted(
        (at - begun[p.aor]) * 1000 for at, p in reader.seen if p.aor in begun and p.version == 1
    )


class _Newcomers:
    """Users who register at the other node meanwhile: how long does it take to see them?"""

    def __init__(self, scene: Scene, first: int) -> None:
        self._scene, self._next = scene, first
        self.begun: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stop.wait(0.01):
            aor, event = _registration(
                OTHER, self._next, 50_000_000 + self._next, RegistrationKind.REGISTERED
            )
            self._next += 1
            self.begun[aor] = time.monotonic()
            self._scene.publish(REGISTRATIONS, [(aor, event)])


def _is_of(node: str) -> Any:
    return lambda presence: presence.aor.endswith(f"@{node}.test")


def _changes(reader: PresenceReader, since: int, node: str) -> list[tuple[float, Presence]]:
    return [(at, p) for at, p in reader.seen[since:] if _is_of(node)(p)]


def _run(scene: Scene, bindings: int, others: int) -> dict[str, Any]:
    streams = scene.stage("streams")
    reader = PresenceReader(scene.kafka)
    pid = streams.pid or 0
    empty = _memory(pid)
    with scene.beats(LOST, BOOT) as silence, scene.beats(OTHER, BOOT):
        for node, size in ((LOST, bindings), (OTHER, others)):
            say(f"{size} bindings on {node}...")
            kind = RegistrationKind.REGISTERED
            rows = (_registration(node, n, n + 1, kind) for n in range(size))
            scene.publish(REGISTRATIONS, rows)
        wait(lambda: reader.count(lambda p: p.reachable) == bindings + others, 120, "all online")
        full, mark = _memory(pid), len(reader.seen)
        newcomers = _Newcomers(scene, 1_000_000)
        say("silence...")
        silence.set()
        began = time.monotonic()
        is_lost = _is_of(LOST)
        wait(
            lambda: reader.count(lambda p: is_lost(p) and not p.reachable) == bindings,
            120,
            "all of the node's users offline",
        )
        newcomers.stop()
        lost = _changes(reader, mark, LOST)
        _check(lost, bindings, Cause.NODE_LOST)
        touched = [p for _, p in _changes(reader, mark, OTHER) if p.cause is not Cause.REGISTERED]
        if touched:
            raise NotReached(f"{len(touched)} users of the other node changed: {touched[:2]}")
        worst, mark = _memory(pid), len(reader.seen)
        say("back, with a snapshot...")
        back = time.monotonic()
        scene.publish(NODES, [(LOST, node_event(LOST, BOOT, NodeKind.UP))])
        with scene.beats(LOST, BOOT):
            scene.publish(REGISTRATIONS, _snapshot(LOST, bindings, 10_000_000))
            wait(
                lambda: reader.count(lambda p: is_lost(p) and p.reachable) == bindings,
                120,
                "all of them back",
            )
        restored = _changes(reader, mark, LOST)
        if len(restored) != bindings:
            raise NotReached(f"{len(restored)} changes for {bindings} users")
        delays = _others_delays(reader, newcomers.begun)
    reader.close()
    return {
        "bindings": bindings,
        "lease_s": 5,
        "first_offline_s": round(lost[0][0] - began, 2),
        "all_offline_s": round(lost[-1][0] - began, 2),
        "sweep_s": round(lost[-1][0] - lost[0][0], 2),
        "all_restored_s": round(restored[-1][0] - back, 2),
        "others_meanwhile_ms": {
            "count": len(delays),
            "p50": round(delays[len(delays) // 2], 1),
            "p99": round(delays[len(delays) * 99 // 100], 1),
            "max": round(delays[-1], 1),
        },
        "worker_memory_mb": {
            "empty": empty,
            "full": full,
            "after_the_loss": worst,
            "after_the_return": _memory(pid),
        },
        "wrong": 0,
        "cores": os.cpu_count(),
    }


def _check(changes: list[tuple[float, Presence]], count: int, cause: Cause) -> None:
    wrong = [p for _, p in changes if p.cause is not cause]
    if wrong or len(changes) != count:
        raise NotReached(f"{len(changes)} changes for {count} users, {len(wrong)} of them wrong")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bindings", type=int, default=100_000)
    parser.add_argument("--others", type=int, default=20_000)
    arguments = parser.parse_args()
    with Scene() as scene:
        result = _run(scene, arguments.bindings, arguments.others)
    sys.stdout.write(f"{json.dumps(result)}\n")


if __name__ == "__main__":
    main()
