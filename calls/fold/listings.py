"""Listings of a node's legs: which live legs a complete listing did not show. Pure.

Its marks are in every partition, its rows in their legs'. So it is complete once both marks have
been read from each partition: then all rows have been read.
"""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.call import CallEvent
from schemas.vocabulary import CallKind


@dataclass(slots=True)
class Listing:
    """A listing that is being read. `at` is when it began, by its node's clock."""

    node: str
    boot: str
    at: datetime
    began: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)
    legs: set[str] = field(default_factory=set)


class Listings:
    """The last listing of each node that is being read."""

    def __init__(self, partitions: int) -> None:
        """`partitions`: how many rollcall.calls has."""
        self._partitions = partitions
        self._open: dict[tuple[str, str], Listing] = {}

    def add(self, event: CallEvent, partition: int) -> Listing | None:
        """Note a mark or a row; returns the listing that is complete with it.

        One of which a mark was missed, as by a start in its middle, never is. A node's next one
        replaces it.
        """
        if event.snapshot is None:
            return None
        key = event.node, event.snapshot
        listing = self._open.get(key)
        if listing is None:
            self._drop(event)
            listing = self._open[key] = Listing(event.node, event.boot, event.at)
        if event.kind is CallKind.SNAPSHOT_BEGAN:
            listing.began.add(partition)
        elif event.kind is CallKind.SNAPSHOT_ROW and event.leg:
            listing.legs.add(event.leg)
        elif event.kind is CallKind.SNAPSHOT_ENDED and partition in listing.began:
            listing.ended.add(partition)
        if len(listing.ended) < self._partitions:
            return None
        return self._open.pop(key)

    def _drop(self, event: CallEvent) -> None:
        """Forget older listings of the node, which will not be complete any more."""
        for key, listing in list(self._open.items()):
            if key[0] == event.node and listing.at <= event.at:
                del self._open[key]
