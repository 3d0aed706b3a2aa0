"""The steps that a batch has applied to each open state, so that they can be applied again.

Adding a step costs one append. Steps are sorted by key only when a state must be rebuilt.
"""

from collections import defaultdict
from typing import Any


class Journal:
    """The steps of one batch. `add((key, step))` adds one; the batch defines what a step is."""

    __slots__ = ("_by_key", "_sorted", "_steps", "add")

    def __init__(self) -> None:
        self._steps: list[tuple[bytes, Any]] = []
        self._by_key: defaultdict[bytes, list[Any]] = defaultdict(list)
        self._sorted = 0
        self.add = self._steps.append

    def drop(self, key: bytes) -> None:
        """Forget the steps of a key."""
        self.of(key).clear()

    def of(self, key: bytes) -> list[Any]:
        """The steps of a key, in order."""
        for known, step in self._steps[self._sorted :]:
            self._by_key[known].append(step)
        self._sorted = len(self._steps)
        return self._by_key[key]
