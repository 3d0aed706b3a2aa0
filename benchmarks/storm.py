"""`python -m benchmarks.storm`: very many users change at once.

A node stops its heartbeats and sends them again; it stops them finally and its clients register at
another node within seconds; all their connections close at once. Time to the last right presence,
the delay of other users meanwhile, peak lag and peak memory. The last line is one JSON object; a
wrong change ends the run without one.

The closes are the kernel's events, published as the watcher does; `benchmarks.producers` closes
real sockets, fewer of them.
"""

import argparse
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from typing import Any

from benchmarks import load, prepared
from benchmarks.figures import delays_ms, finish
from benchmarks.heartbeats import Beats, beating, node_event
from benchmarks.population import Population
from benchmarks.process import LagWatch, forget_peak, memory_mb
from benchmarks.scene import NotReached, Scene, progress, wait
from benchmarks.subscriber import Seen, Subscriber
from schemas.topics import CONNECTIONS, NODES, REGISTRATIONS
from schemas.vocabulary import Cause, NodeKind, RegistrationKind, Transport

# streams.node_lease's default.
LEASE_SECONDS = 5.0
# Other users' events a second during each storm.
OTHERS_RATE = 200
TIMEOUT_SECONDS = 180.0
CROWD = "crowd"
MIXED = (Transport.UDP, Transport.TCP)


class Storm:
    """One scene with a worker; `watch` runs one storm and returns its figures."""

    def __init__(self, scene: Scene, reader: Subscriber, pid: int, users: int) -> None:
        self.scene, self.reader, self.pid, self.users = scene, reader, pid, users
        # The same users at the node that is lost, and at the one they register at afterwards.
        self.dying = Population(users, group=CROWD, nodes=1, name="dying", transports=MIXED)
        self.spare = Population(
            users, group=CROWD, nodes=1, name="spare", transports=(Transport.TCP,)
        )

    def watch(self, name: str, act: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        """`act` begins the storm and returns its own figures once all users are right."""
        progress(f"{name}...")
        others, mark = Population(OTHERS_RATE, group=name.replace(" ", "-")), len(self.reader.seen)
        running = load.Load(self.scene.kafka, OTHERS_RATE, others)
        forget_peak(self.pid)
        with LagWatch(self.scene.kafka) as lag:
            found = act()
        load.check(self.reader, mark, others, running.stop())
        delays = [d for _, d in load.delays(self.reader.since(mark, others.group))]
        found |= {
            "others_meanwhile": delays_ms(delays),
            "peak_lag_records": lag.peak,
            "peak_memory_mb": memory_mb(self.pid, "VmHWM"),
            "wrong": 0,
        }
        progress(f"{found}")
        return found

    def silence(self, beats: Beats) -> dict[str, Any]:
        """The node's heartbeats stop; all its users must go offline. Seconds since the last one."""
        mark = len(self.reader.seen)
        beats.silenced.set()
        began = beats.last
        self._wait(lambda: self.reader.reachable[CROWD] == 0, "all offline")
        lost = self._changed_once(mark, {Cause.NODE_LOST})
        return {
            "first_offline_s": round(lost[0][0] - began, 2),
            "all_offline_s": round(lost[-1][0] - began, 2),
            "after_the_lease_s": round(lost[-1][0] - began - LEASE_SECONDS, 2),
        }

    def comes_back(self, start: Callable[[], object]) -> dict[str, Any]:
        """The node sends heartbeats again, of the same process, and lists its bindings."""
        mark, began, dying = len(self.reader.seen), time.monotonic(), self.dying
        start()
        up = node_event(dying.node(0), dying.boot, NodeKind.UP)
        self.scene.publish(NODES, [(up.node, up)])
        rows = (
            dying.registration(n, RegistrationKind.SNAPSHOT_ROW, snapshot="snapshot-1")
            for n in range(self.users)
        )
        self.scene.send(REGISTRATIONS, rows)
        self._wait(lambda: self.reader.reachable[CROWD] == self.users, "all back")
        back = self._changed_once(mark, {Cause.NODE_RESTORED, Cause.FOUND_IN_SNAPSHOT})
        return {"all_restored_s": round(back[-1][0] - began, 2)}

    def flight(self, stop: Callable[[], None], seconds: float) -> dict[str, Any]:
        """The node is lost; its clients register at the spare one, evenly within `seconds`."""
        mark, began, sent = len(self.reader.seen), time.monotonic(), 0
        stop()
        while sent < self.users:
            due = min(self.users, int((time.monotonic() - began) / seconds * self.users))
            self.scene.send(REGISTRATIONS, self._arrivals(range(sent, due), began, seconds))
            sent = due
            time.sleep(0.01)
        published = time.monotonic() - began
        self._wait(self._all_at_the_spare_node, "all at the spare node")
        changes = list(self.reader.since(mark, CROWD))
        self._check_flight(changes, seconds)
        last = max(at for at, _ in changes) - began
        return {
            "published_s": round(published, 2),
            "last_right_s": round(last, 2),
            "after_the_last_registration_s": round(last - published, 2),
            "offline_meanwhile": sum(not one.reachable for _, one in changes),
            "arrivals": delays_ms(delay for _, delay in load.delays(changes)),
        }

    def closes(self) -> dict[str, Any]:
        """The connections of all of them end at once."""
        mark = len(self.reader.seen)
        prepared_ends = [self.spare.close(number) for number in range(self.users)]
        began = time.monotonic()
        self.scene.send(CONNECTIONS, prepared_ends)
        published = time.monotonic() - began
        self._wait(lambda: self.reader.reachable[CROWD] == 0, "all offline")
        lost = self._changed_once(mark, {Cause.CONNECTION_CLOSED})
        return {
            "connections": self.users,
            "published_s": round(published, 2),
            "first_offline_s": round(lost[0][0] - began, 2),
            "half_offline_s": round(lost[len(lost) // 2][0] - began, 2),
            "all_offline_s": round(lost[-1][0] - began, 2),
        }

    def _arrivals(self, numbers: Iterable[int], began: float, seconds: float) -> Any:
        for number in numbers:
            due = int((began + number / self.users * seconds) * 1e9)
            kind = RegistrationKind.REGISTERED
            yield self.spare.registration(number, kind, load.mark_of(due))

    def _all_at_the_spare_node(self) -> bool:
        """Everybody reachable there, and nowhere else."""
        time.sleep(0.2)
        spare = self.spare.node(0)
        return self.reader.reachable[CROWD] == self.users and all(
            [place.node for place in one.bindings] == [spare] for one in self.reader.users(CROWD)
        )

    def _check_flight(self, changes: list[tuple[float, Seen]], seconds: float) -> None:
        """Raises NotReached if a user who had moved before the lease ended was offline after it."""
        early = int(self.users * (LEASE_SECONDS - 1) / seconds)
        moved = {self.spare.aor(number) for number in range(early)}
        wrong = [one for _, one in changes if not one.reachable and one.aor in moved]
        if wrong:
            raise NotReached(f"{len(wrong)} were offline after they had moved: {wrong[:2]}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        wait(condition, TIMEOUT_SECONDS, what)

    def _changed_once(self, mark: int, causes: set[Cause]) -> list[tuple[float, Seen]]:
        """The changes since: one a user, of these causes. Raises NotReached."""
        changes = list(self.reader.since(mark, CROWD))
        wrong = [one for _, one in changes if one.cause not in causes]
        if wrong or len(changes) != self.users:
            raise NotReached(f"{len(changes)} changes, {len(wrong)} wrong: {wrong[:2]}")
        return changes


def measure(scene: Scene, users: int, flight_seconds: float) -> dict[str, Any]:
    worker, reader = scene.stage("streams"), Subscriber(scene.kafka)
    storm = Storm(scene, reader, worker.pid or 0, users)
    result: dict[str, Any] = {"users": users, "lease_s": LEASE_SECONDS}
    dying, spare = storm.dying, storm.spare
    with beating(scene.kafka, spare.node_names, spare.boot), ExitStack() as again:
        with beating(scene.kafka, dying.node_names, dying.boot) as beats:
            progress(f"{users:,} users...")
            prepared.register(scene, reader, dying, 0)
            result["full_memory_mb"] = memory_mb(storm.pid)
            result["node_lost"] = storm.watch("node lost", lambda: storm.silence(beats))
        anew = beating(scene.kafka, dying.node_names, dying.boot)
        result["node_back"] = storm.watch(
            "node back", lambda: storm.comes_back(lambda: again.enter_context(anew))
        )
        result["flight"] = storm.watch("flight", lambda: storm.flight(again.close, flight_seconds))
        result["closes"] = storm.watch("closes", storm.closes)
    result["memory_mb"] = memory_mb(storm.pid)
    reader.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=20.0, help="in which all re-register")
    arguments = parser.parse_args()
    with Scene() as scene:
        result = measure(scene, arguments.users, arguments.seconds)
    finish(result)


if __name__ == "__main__":
    main()
