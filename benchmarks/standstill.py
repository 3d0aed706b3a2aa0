"""How long presence stands still at the subscriber while the pipeline is disturbed."""

import time
from collections.abc import Callable

from benchmarks import load
from benchmarks.load import due_of
from benchmarks.scene import READY_SECONDS, NotReached, Scene, progress
from benchmarks.subscriber import Seen, Subscriber

# Presence is live while the newest change was read within this time, and is no older.
LIVE_SECONDS = 0.5
STEADY_SECONDS = 3.0


def standstills(
    records: list[tuple[float, Seen]], partitions: int, began: float, until: float
) -> list[float]:
    """By partition, the longest time without a record between `began` and `until`."""
    last, longest = [began] * partitions, [0.0] * partitions
    for at, one in records:
        if began <= at <= until:
            number = one.partition
            longest[number] = max(longest[number], at - last[number])
            last[number] = at
    return [max(longest[n], until - last[n]) for n in range(partitions)]


class Trial:
    """One scene, its subscriber and its load; `disturb` disturbs the pipeline."""

    def __init__(self, scene: Scene, reader: Subscriber, group: str) -> None:
        self._scene, self._reader, self._group = scene, reader, group

    def disturb(self, name: str, act: Callable[[], None]) -> dict[str, float]:
        """Call `act`; returns figures of what was read until presence was live again."""
        progress(f"{name}...")
        mark, began = len(self._reader.seen), time.monotonic()
        act()
        acted = time.monotonic()
        live = self._live_since(began + READY_SECONDS, name)
        until, records = time.monotonic(), list(self._reader.since(mark, self._group))
        still = standstills(records, self._scene.kafka.partitions, began, until)
        found = {
            "standstill_s": round(max(still), 2),
            "shortest_standstill_s": round(min(still), 2),
            "worst_delay_s": round(max(delay for _, delay in load.delays(records)), 2),
            "live_after_s": round(live - began, 2),
            "act_s": round(acted - began, 2),
        }
        progress(f"{found}")
        return found

    def _live_since(self, deadline: float, name: str) -> float:
        """When presence became live in every partition, once it has been for some seconds."""
        since: float | None = None
        while since is None or time.monotonic() - since < STEADY_SECONDS:
            time.sleep(0.05)
            now = time.monotonic()
            since = (since or now) if self._is_live(now) else None
            if now > deadline:
                raise NotReached(f"presence is not live after: {name}")
        return since

    def _is_live(self, now: float) -> bool:
        """Whether a new change was read in each partition, without delay."""
        newest = {one.partition: (at, one) for at, one in self._reader.seen[-2_000:]}
        pace = [
            (at, due_of(one.evidence)) for at, one in newest.values() if now - at < LIVE_SECONDS
        ]
        return len(pace) == self._scene.kafka.partitions and all(
            due is not None and at - due < LIVE_SECONDS for at, due in pace
        )
