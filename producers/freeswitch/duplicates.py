"""Recognises repeated events by the switch's boot and sequence. Pure.

Sequence numbers go down and have holes without loss, so they show no gap.
"""

from collections import deque
from dataclasses import dataclass, field


@dataclass(slots=True)
class Duplicates:
    """Remembers the last `limit` events."""

    limit: int = 100_000
    _seen: set[tuple[str, int]] = field(default_factory=set)
    _order: deque[tuple[str, int]] = field(default_factory=deque)

    def is_new(self, boot: str, seq: int) -> bool:
        """Whether this event did not come before; it is remembered."""
        event = (boot, seq)
        if event in self._seen:
            return False
        self._seen.add(event)
        self._order.append(event)
        if len(self._order) > self.limit:
            self._seen.discard(self._order.popleft())
        return True
