"""Events whose call has not been read yet: kept for a while, and not committed meanwhile. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

Partition = tuple[str, int]
# More are given up, the oldest first: no memory for calls that no SIP server reports.
MAX_WAITING = 10_000


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event. `join` returns whether its call is known by now."""

    partition: Partition
    offset: int
    until: float
    join: Callable[[], bool]


class WaitingRoom:
    """In the order of arrival."""

    def __init__(self) -> None:
        self._waiting: list[Waiting] = []

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, waiting: Waiting) -> None:
        self._waiting.append(waiting)

    def retry(self, now: float) -> list[Waiting]:
        """Join what can be joined; returns what is given up: it has waited for too long, or too
        much waits. `now` is monotonic."""
        left = [waiting for waiting in self._waiting if not waiting.join()]
        excess = len(left) - MAX_WAITING
        kept: list[Waiting] = []
        given_up: list[Waiting] = []
        for number, waiting in enumerate(left):
            (kept if now < waiting.until and number >= excess else given_up).append(waiting)
        self._waiting = kept
        return given_up

    def offsets(self, nexts: Mapping[Partition, int]) -> dict[Partition, int]:
        """What may be committed of these next offsets: nothing that still waits."""
        offsets = dict(nexts)
        for waiting in self._waiting:
            known = offsets.get(waiting.partition, waiting.offset)
            offsets[waiting.partition] = min(known, waiting.offset)
        return offsets
