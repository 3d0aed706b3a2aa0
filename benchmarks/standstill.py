"""How long presence stands still at the subscriber while something is done to the pipeline."""

import time
from collections.abc import Callable

from benchmarks import load
from benchmarks.load import due_of
from benchmarks.scene import READY_SECONDS, NotReached, Scene, say
from benchmarks.subscriber import Seen, Subscriber

# Presence keeps pace while there is a change as young as this, and read as soon.
LIVE_SECONDS = 0.5
STEADY_SECONDS = 3.0


def standstills(
    records: list[tuple[float, Seen]], partitions: int, began: float, until: float
) -> list[float]:
    """By partition, the longest time without a record between two moments."""
    last, longest = [began] * partitions, [0.0] * partitions
    for at, one in records:
        if began <= at <= until:
            number = one.partition
            longest[number] = max(longest[number], at - last[number])
            last[number] = at
    return [max(longest[n], until - last[n]) for n in range(partitions)]


class Trial:
    """One scene, its subscriber and its load; `disturb` does something and watches presence."""

    def __init__(self, scene: Scene, reader: Subscriber, group: str) -> None:
        self._scene, self._reader, self._group = scene, reader, group

    def disturb(self, name: str, act: Callable[[], None]) -> dict[str, float]:
        """Do it; figures of what the subscriber saw until presence kept pace again."""
        say(f"{name}...")
        mark, began = len(self._reader.seen), time.monotonic()
        act()
        acted = time.monotonic()
        live = self._lives_again(began + READY_SECONDS, name)
        until, records = time.monotonic(), list(self._reader.since(mark, self._group))
        still = standstills(records, self._scene.kafka.partitions, began, until)
        found = {
            "standstill_s": round(max(still), 2),
            "shortest_standstill_s": round(min(still), 2),
            "worst_delay_s": round(max(delay for _, delay in load.delays(records)), 2),
            "live_after_s": round(live - began, 2),
            "act_s": round(acted - began, 2),
        }
        say(f"{found}")
        return found

    def _lives_again(self, deadline: float, name: str) -> float:
        """Since when presence has kept pace in every partition for some seconds."""
        since: float | None = None
        while since is None or time.monotonic() - since < STEADY_SECONDS:
            time.sleep(0.05)
            now = time.monotonic()
            since = (since or now) if self._keeps_pace(now) else None
            if now > deadline:
                raise NotReached(f"presence does not keep pace after: {name}")
        return since

    def _keeps_pace(self, now: float) -> bool:
        """Whether a change of just now was read in each partition, and came at once."""
        newest = {one.partition: (at, one) for at, one in self._reader.seen[-2_000:]}
        pace = [
            (at, due_of(one.evidence)) for at, one in newest.values() if now - at < LIVE_SECONDS
        ]
        return len(pace) == self._scene.kafka.partitions and all(
            due is not None and at - due < LIVE_SECONDS for at, due in pace
        )
