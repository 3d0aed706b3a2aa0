"""The selected users in their order, kept up to date change by change.

Everything that takes time with the number of users is done in slices, between which the event loop
serves others.
"""

import asyncio
import time
from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Any

from sortedcontainers import SortedKeyList

from sinks.gateway.access.scope import Scope
from sinks.gateway.board.matching import Matcher
from sinks.gateway.board.request import SORTS, Selection
from sinks.gateway.board.row import Row

# The loop is not held for longer.
SLICE_SECONDS = 0.003
# Rows between two looks at the clock.
_STEP = 512
# Rows whose order shows where the others go.
_SAMPLED = 2_000


class Pause:
    """Lets the event loop serve others when a slice's time is over."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + SLICE_SECONDS

    async def __call__(self) -> None:
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + SLICE_SECONDS


async def in_order(rows: list[Row], key: Callable[[Row], Any], pause: Pause) -> list[Row]:
    """The rows sorted, in slices: each goes into one of many parts, which are sorted alone."""
    sample = sorted(key(row) for row in rows[:: max(1, len(rows) // _SAMPLED)])
    bounds = sample[:: max(1, _STEP * len(sample) // max(1, len(rows)))]
    parts: list[list[Row]] = [[] for _ in range(len(bounds) + 1)]
    for first in range(0, len(rows), _STEP):
        for row in rows[first : first + _STEP]:
            parts[bisect_right(bounds, key(row))].append(row)
        await pause()
    found: list[Row] = []
    for part in parts:
        part.sort(key=key)
        found += part
        await pause()
    return found


class View:
    """One selection of the rows one viewer may see. Belongs to the event loop."""

    def __init__(self, selection: Selection, scope: Scope) -> None:
        self.selection = selection
        self.is_complete = False
        self._scope = scope
        self._matcher = Matcher(selection, scope)
        self._rows: Any = SortedKeyList(key=SORTS[selection.sort])
        # Users whose row changed while the view was built: what is still to be read of them is old.
        self._changed: set[str] = set()
        # Called after each change of the view.
        self.listeners: set[Callable[[], None]] = set()

    def __len__(self) -> int:
        return len(self._rows)

    async def build(self, rows: Sequence[Row]) -> None:
        """Fill the view; `rows`: those that the viewer may see. `change` is called for every
        change from now on, also meanwhile."""
        found: list[Row] = []
        pause = Pause()
        for first in range(0, len(rows), _STEP):
            found += self._matcher.select(rows[first : first + _STEP])
            await pause()
        found = await in_order(found, SORTS[self.selection.sort], pause)
        # In order, each is added at the end, which takes half the time.
        for first in range(0, len(found), _STEP):
            changed = self._changed
            self._rows.update(
                [row for row in found[first : first + _STEP] if row.aor not in changed]
            )
            await pause()
        self._changed.clear()
        self.is_complete = True
        self._announce()

    def change(self, old: Row | None, new: Row | None) -> None:
        """A user's row has changed; None: there was none before, or is none any more."""
        row = new or old
        if row is None or not self._scope.allows(row.aor):
            return
        left = self._matcher.select([old]) if old is not None else ()
        come = self._matcher.select([new]) if new is not None else ()
        if not self.is_complete:
            self._changed.add(row.aor)
        for row in left:
            self._rows.discard(row)
        for row in come:
            self._rows.add(row)
        if left or come:
            self._announce()

    def window(self, start: int, count: int) -> list[Row]:
        """Up to `count` rows from position `start` on."""
        size = len(self._rows)
        start, stop = min(start, size), min(start + count, size)
        if not self.selection.descending:
            return list(self._rows.islice(start, stop))
        return list(self._rows.islice(size - stop, size - start, reverse=True))

    def _announce(self) -> None:
        for listener in self.listeners:
            listener()
