"""Sweeps: what one event means for every user of a node, done a piece at a time.

A node may have a hundred thousand users. What its loss means for each of them is decided when it is
read; it is carried out in pieces, and at once for a user whom something else touches before that.
Its event is acknowledged when all is done, and what the node has become is written then: a worker
that goes on after a crash reads the event again and must find the node as it was, to begin anew.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from streams.batches.effects import Record
from streams.folds.outcome import FoldResult
from streams.models import Session

# Users between which other users' events get their turn: about ten milliseconds.
PIECE = 500
# In place of a node: the users with a binding behind an edge, whichever. No node is called so.
PATHS = ""


@dataclass(slots=True)
class Sweep:
    """`waiting` holds the users still to be done, in order; `after` what to write at the end."""

    node: str
    rule: Callable[[Session], FoldResult]
    waiting: dict[bytes, None]
    after: Record | None = None

    def first(self, most: int) -> list[bytes]:
        """The next users, at most so many."""
        return list(islice(self.waiting, most))

    def claim(self, key: bytes) -> bool:
        """Whether this user was still waiting, and waits no more."""
        if key not in self.waiting:
            return False
        del self.waiting[key]
        return True
