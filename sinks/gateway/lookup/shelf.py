"""A sorted set of AORs that many changes keep sorted (pure)."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator
from itertools import islice

from sortedcontainers import SortedList

# Up to here a plain list is faster and smaller: a cluster may have 100,000 domains.
_PLAIN_MOST = 5_000


class Shelf:
    """AORs in order. Each is kept as the text it was added as."""

    __slots__ = ("_aors",)

    def __init__(self, aors: Iterable[str] = ()) -> None:
        found = sorted(aors)
        self._aors: list[str] | SortedList[str] = (
            found if len(found) <= _PLAIN_MOST else SortedList(found)
        )

    def __len__(self) -> int:
        return len(self._aors)

    def add(self, aor: str) -> None:
        """Add an AOR that is not in it."""
        if isinstance(self._aors, SortedList):
            self._aors.add(aor)
            return
        self._aors.insert(bisect_left(self._aors, aor), aor)
        if len(self._aors) > _PLAIN_MOST:
            self._aors = SortedList(self._aors)

    def discard(self, aor: str) -> None:
        """Remove an AOR, if it is in it."""
        if isinstance(self._aors, SortedList):
            self._aors.discard(aor)
            return
        place = bisect_left(self._aors, aor)
        if place < len(self._aors) and self._aors[place] == aor:
            del self._aors[place]

    def after(self, aor: str) -> Iterator[str]:
        """The AORs after this one, in order. Not to be used after the next change."""
        if isinstance(self._aors, SortedList):
            found: Iterator[str] = self._aors.irange(aor, inclusive=(False, True))
            return found
        return islice(self._aors, bisect_right(self._aors, aor), None)
