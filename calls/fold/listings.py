"""Listings of a node's legs: when one has been read completely. Pure.

The mark of its end is in every partition, after the rows of that partition's legs. So a listing is
complete once that mark has been read from each partition; which legs it showed, the legs have.
"""

from dataclasses import dataclass, field
from datetime import datetime

from schemas.call import CallEvent
from schemas.vocabulary import CallKind


@dataclass(slots=True)
class Listing:
    """A listing of which an end was read. `at` is when it began, by its node's clock."""

    node: str
    boot: str
    at: datetime
    ended: set[int] = field(default_factory=set)


class Listings:
    """The last listing of each node that is being read."""

    def __init__(self, partitions: int) -> None:
        """`partitions`: how many rollcall.calls has."""
        self._partitions = partitions
        self._open: dict[tuple[str, str], Listing] = {}

    def add(self, event: CallEvent, partition: int) -> Listing | None:
        """Note a mark; returns the listing that is complete with it.

        One of which a mark was missed, as by a start in its middle, never is: a node's next one
        replaces it.
        """
        if event.snapshot is None or event.kind is not CallKind.SNAPSHOT_ENDED:
            return None
        key = event.node, event.snapshot
        listing = self._open.get(key)
        if listing is None:
            self._drop(event)
            listing = self._open[key] = Listing(event.node, event.boot, event.at)
        listing.ended.add(partition)
        return self._open.pop(key) if len(listing.ended) >= self._partitions else None

    def _drop(self, event: CallEvent) -> None:
        """Forget older listings of the node, which will not be complete any more."""
        for key, listing in list(self._open.items()):
            if key[0] == event.node and listing.at <= event.at:
                del self._open[key]
