"""What a batch has done to each of its open states, in order, so that it can be done again.

To note a step costs an append; they are sorted by key only where a state must be made anew.
"""

from collections import defaultdict
from typing import Any


class Journal:
    """Of one batch. `note((key, step))` adds a step; a step is what the batch makes of it."""

    __slots__ = ("_by_key", "_sorted", "_steps", "note")

    def __init__(self) -> None:
        self._steps: list[tuple[bytes, Any]] = []
        self._by_key: defaultdict[bytes, list[Any]] = defaultdict(list)
        self._sorted = 0
        self.note = self._steps.append

    def of(self, key: bytes) -> list[Any]:
        """The key's steps, the first first."""
        for known, step in self._steps[self._sorted :]:
            self._by_key[known].append(step)
        self._sorted = len(self._steps)
        return self._by_key[key]
