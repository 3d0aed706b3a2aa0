"""Calls that became a part of another call: their last records name it (pure).

Who reads the records knows them by their own ids, and after a restart so does the call book.
"""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from typing import NamedTuple

from calls.fold.call import Call


class Merged(NamedTuple):
    """A part of the call with the id `into` since `at`; its last record has this version."""

    into: str
    at: datetime
    version: int


class MergedCalls:
    """By id, until they are forgotten."""

    def __init__(self) -> None:
        self._parts: dict[str, Merged] = {}
        # Those whose last record was not given yet.
        self._due: dict[str, None] = {}

    def __contains__(self, id_: str) -> bool:
        return id_ in self._parts

    def __len__(self) -> int:
        return len(self._parts)

    def restore(self, id_: str, part: Merged) -> None:
        """One whose last record was given before."""
        self._parts[id_] = part

    def add(self, other: Call, one: Call, at: datetime) -> None:
        """`other` is a part of `one` now, and so are its parts. Of one without a record nobody
        knows."""
        if other.version:
            self._parts[other.id] = Merged(one.id, at, other.version + 1)
            self._due[other.id] = None
        for id_, part in self._parts.items():
            if part.into == other.id:
                self._parts[id_] = part._replace(into=one.id)

    def due(self) -> Iterator[tuple[str, Merged]]:
        """Those whose last record is to be given now."""
        due, self._due = self._due, {}
        return ((id_, self._parts[id_]) for id_ in due)

    def forget_before(self, at: datetime) -> list[str]:
        """Forget those that became a part earlier; returns their ids."""
        return self._forget(lambda part: part.at < at)

    def forget_parts_of(self, calls: Collection[str]) -> list[str]:
        """Forget the parts of these calls; returns their ids."""
        return self._forget(lambda part: part.into in calls)

    def _forget(self, is_meant: Callable[[Merged], bool]) -> list[str]:
        gone = [id_ for id_, part in self._parts.items() if is_meant(part)]
        for id_ in gone:
            del self._parts[id_]
            self._due.pop(id_, None)
        return gone
