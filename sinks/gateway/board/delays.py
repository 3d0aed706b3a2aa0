"""How late changes are now: from their cause, and from Kafka, until the gateway has them (pure)."""

from collections import deque
from typing import Any

SECONDS = 60.0
# Of the changes of the last minute so many are kept, the newest.
MOST = 4_096


class Delays:
    """The changes of the last minute."""

    def __init__(self) -> None:
        self._found: deque[tuple[float, float, float]] = deque(maxlen=MOST)

    def add(self, now: float, cause_at: float, kafka_at: float) -> None:
        """A change came `now`; its cause was at `cause_at` by its node's clock, its record was
        written at `kafka_at` (seconds since the epoch)."""
        self._found.append((now, now - cause_at, now - kafka_at))

    def as_json(self, now: float) -> dict[str, Any]:
        """Milliseconds, null where nothing changed within the last minute.

        A delay from its cause below zero is of a node whose clock is ahead, or of a change that
        repeats another node's time: it is not counted.
        """
        while self._found and self._found[0][0] < now - SECONDS:
            self._found.popleft()
        whole = sorted(one[1] for one in self._found if one[1] >= 0)
        kafka = sorted(max(0.0, one[2]) for one in self._found)
        return {
            "changes": len(self._found),
            "cause": {"p50": _ms(whole, 0.5), "p99": _ms(whole, 0.99)},
            "kafka": {"p50": _ms(kafka, 0.5), "p99": _ms(kafka, 0.99)},
        }


def _ms(ordered: list[float], share: float) -> float | None:
    """The nearest-rank percentile of seconds, in milliseconds."""
    if not ordered:
        return None
    rank = max(1, -int(-len(ordered) * share // 1))
    return round(ordered[rank - 1] * 1000, 1)
