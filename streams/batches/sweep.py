"""Sweeps: one node event applied to every user of the node, a piece at a time.

A node may have a hundred thousand users. The event is applied to some of them after each batch, and
to a user at once before any other event of that user. The event's offset is committed, and the
node's new state written, when all users are done: after a crash the worker reads the event again,
and must find the node as it was.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from streams.batches.effects import Record
from streams.folds.outcome import FoldResult
from streams.models import Session

# Users swept between two batches: about ten milliseconds.
PIECE = 500
# In place of a node: the users with a binding behind any edge. No node has this name.
PATHS = ""


@dataclass(slots=True)
class Sweep:
    """`waiting`: the users still to be done, in order. `after`: the record to write at the end."""

    node: str
    rule: Callable[[Session], FoldResult]
    waiting: dict[bytes, None]
    after: Record | None = None

    def first(self, most: int) -> list[bytes]:
        """The next users, at most `most`."""
        return list(islice(self.waiting, most))

    def claim(self, key: bytes) -> bool:
        """Remove the user; returns whether they were still waiting."""
        if key not in self.waiting:
            return False
        del self.waiting[key]
        return True
