"""The calls that the gateway knows, listed by user and domain (pure).

Lists are made of places: everybody, a domain, or one user. So a list for a token costs by what the
token shows, and depends on nothing else. Bounded: past `most` the call that ended first is dropped.
"""

from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator
from heapq import merge

from sortedcontainers import SortedList

from sinks.gateway.access.scope import Scope
from sinks.gateway.calls.stored import StoredCall
from sinks.gateway.message import domain_of

# The newest first; of those that began at once by id.
Position = tuple[float, str]
EVERYBODY = ""
# A call that became a part of one that became a part of another: so often at most.
_MERGES_MAX = 8


def domain_place(domain: str) -> str:
    """The place of all users of a domain; a user's own is the AOR."""
    return f"@{domain}"


def places_of(scope: Scope) -> list[str]:
    """Where the calls are listed that a scope shows: those in which one of its users takes part."""
    if scope.everybody:
        return [EVERYBODY]
    return [*scope.aors, *map(domain_place, scope.domains)]


class KnownCalls:
    """Belongs to the event loop. `is_read`: everything that was in the topic at the start is here.

    `changes` grows with each change; `dropped`, with each call that did not fit.
    """

    def __init__(self, most: int, on_drop: Callable[[], None] = lambda: None) -> None:
        self._most, self._on_drop = most, on_drop
        self._calls: dict[str, StoredCall] = {}
        # Of calls that became a part of another one: that one's id.
        self._merged: OrderedDict[str, str] = OrderedDict()
        self._lists: dict[tuple[str, bool], SortedList] = {}
        # Whether it is open, when it ended or began, id: what is dropped first comes first.
        self._by_age: SortedList = SortedList()
        self.is_read = False
        self.changes = 0
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def open(self) -> int:
        """How many are live."""
        return self.count(EVERYBODY, is_open=True)

    def get(self, id_: str) -> StoredCall | None:
        """The call, or that of which it became a part."""
        for _ in range(_MERGES_MAX):
            if (into := self._merged.get(id_)) is None:
                break
            id_ = into
        return self._calls.get(id_)

    def put(self, call: StoredCall) -> None:
        """The newest record of its call; no effect unless its version is newer."""
        known = self._calls.get(call.id)
        if known is not None:
            if call.version <= known.version:
                return
            self._forget(known)
        self._calls[call.id] = call
        self._by_age.add(_age(call))
        for place in _places(call):
            key = place, call.is_open
            if (listed := self._lists.get(key)) is None:
                listed = self._lists[key] = SortedList()
            listed.add(position_of(call))
        self.changes += 1
        if len(self._calls) > self._most:
            self._forget(self._calls[self._by_age[0][2]])
            self.dropped += 1
            self._on_drop()

    def merge(self, id_: str, into: str) -> None:
        """It turned out to be a part of another call."""
        self.remove(id_)
        self._merged[id_] = into
        if len(self._merged) > self._most:
            self._merged.popitem(last=False)

    def remove(self, id_: str) -> None:
        """It is not in the topic any more."""
        self._merged.pop(id_, None)
        if (known := self._calls.get(id_)) is not None:
            self._forget(known)
            self.changes += 1

    def count(self, place: str, *, is_open: bool) -> int:
        """How many calls a place has."""
        return len(self._lists.get((place, is_open), ()))

    def listed(
        self,
        places: Iterable[str],
        states: Collection[bool] = (True, False),
        after: Position | None = None,
    ) -> Iterator[StoredCall]:
        """The calls of these places, open ones (True) and ended ones (False), the newest first.

        Not to be used after the next change.
        """
        lists = [
            listed
            for place in places
            for is_open in states
            if (listed := self._lists.get((place, is_open))) is not None
        ]
        previous = None
        for position in merge(*(one.irange(after, inclusive=(False, True)) for one in lists)):
            if position != previous:
                previous = position
                yield self._calls[position[1]]

    def _forget(self, call: StoredCall) -> None:
        del self._calls[call.id]
        self._by_age.remove(_age(call))
        for place in _places(call):
            key = place, call.is_open
            self._lists[key].remove(position_of(call))
            if not self._lists[key]:
                del self._lists[key]


def position_of(call: StoredCall) -> Position:
    """Where a call is in a list."""
    return -call.started, call.id


def _places(call: StoredCall) -> set[str]:
    return {EVERYBODY, *call.users, *(domain_place(domain_of(aor)) for aor in call.users)}


def _age(call: StoredCall) -> tuple[bool, float, str]:
    return call.is_open, call.ended or call.started, call.id
