"""Users by domain, status and node, each in order: what lists and counts are made of (pure).

In a domain, users with the same status, reachability and node are on one shelf, a user with
bindings on two nodes on two. So a filter chooses shelves, and no list looks at users that it does
not have. A list is in order of domain and AOR, and goes on after any AOR, known or not.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from heapq import merge
from itertools import groupby
from typing import NamedTuple

from schemas.vocabulary import Status
from sinks.gateway.facts import Facts
from sinks.gateway.lookup.shelf import Shelf
from sinks.gateway.message import Message, domain_of


class Key(NamedTuple):
    """One shelf of a domain. `node` is empty for users without a binding."""

    status: Status
    reachable: bool
    node: str


@dataclass(frozen=True, slots=True)
class Filter:
    """Which users a list has; None: whatever they have there."""

    statuses: frozenset[Status] | None = None
    reachable: bool | None = None
    nodes: frozenset[str] | None = None

    def has(self, key: Key) -> bool:
        """Whether users with this key are in the list."""
        return (
            (self.statuses is None or key.status in self.statuses)
            and (self.reachable is None or key.reachable is self.reachable)
            and (self.nodes is None or key.node in self.nodes)
        )

    def has_facts(self, facts: Facts) -> bool:
        """Whether a user with these facts is in the list."""
        return any(self.has(key) for key in keys_of(facts))


def keys_of(facts: Facts) -> list[Key]:
    """The shelves a user with these facts is on."""
    return [Key(facts.status, facts.reachable, node) for node in facts.nodes or ("",)]


class Directory:
    """The users of one gateway, from `build` on."""

    def __init__(self) -> None:
        self._domains: dict[str, dict[Key, Shelf]] = {}
        self._counts: dict[str, Counter[Facts]] = {}
        self._names = Shelf()

    def build(self, messages: Iterable[Message]) -> None:
        """Begin with these users: much faster than to add each."""
        found: dict[str, dict[int, tuple[Facts, list[str]]]] = {}
        for message in messages:
            facts, groups = message.facts, found.setdefault(message.domain, {})
            # By identity: records with the same facts share one object, and to hash it takes long.
            if (group := groups.get(id(facts))) is None:
                group = groups[id(facts)] = facts, []
            group[1].append(message.aor)
        self._counts.clear()
        self._domains.clear()
        for domain, groups in found.items():
            counts: Counter[Facts] = Counter()
            shelves: dict[Key, list[str]] = {}
            for facts, aors in groups.values():
                counts[facts] += len(aors)
                for key in keys_of(facts):
                    shelves.setdefault(key, []).extend(aors)
            self._counts[domain] = counts
            self._domains[domain] = {key: Shelf(aors) for key, aors in shelves.items()}
        self._names = Shelf(self._domains)

    def change(self, old: Message | None, new: Message | None) -> None:
        """A user's record has come (`old` is None), changed, or gone (`new` is None)."""
        before = keys_of(old.facts) if old else []
        after = keys_of(new.facts) if new else []
        if before == after or (message := new or old) is None:
            return
        if old:
            self._count(old, -1)
        if new:
            self._count(new, 1)
        domain = message.domain
        if (shelves := self._domains.get(domain)) is None:
            shelves = self._domains[domain] = {}
            self._names.add(domain)
        for key in before:
            if key not in after and (shelf := shelves.get(key)) is not None:
                shelf.discard(message.aor)
                if not shelf:
                    del shelves[key]
        for key in after:
            if key not in before:
                shelves.setdefault(key, Shelf()).add(message.aor)
        if not shelves:
            del self._domains[domain]
            self._names.discard(domain)

    def users(
        self, domains: Set[str] | None, wanted: Filter, after: str | None = None
    ) -> Iterator[str]:
        """The users of these domains (None: of all), those after the AOR `after`, in order.

        Not to be used after the next change.
        """
        since = ""
        if after is not None:
            since = domain_of(after)
            if domains is None or since in domains:
                yield from self._users(since, wanted, after)
        names = (
            self._names.after(since)
            if domains is None
            else sorted(domain for domain in domains if domain > since)
        )
        for domain in names:
            yield from self._users(domain, wanted, "")

    def counts(self, domains: Set[str] | None) -> Counter[Facts]:
        """How many users of these domains (None: of all) have the same facts."""
        counts: Counter[Facts] = Counter()
        for domain in self._counts if domains is None else domains:
            counts.update(self._counts.get(domain, {}))
        return counts

    def _count(self, message: Message, by: int) -> None:
        domain, facts = message.domain, message.facts
        if (counts := self._counts.get(domain)) is None:
            counts = self._counts[domain] = Counter()
        users = counts[facts] + by
        if users:
            counts[facts] = users
        else:
            del counts[facts]
            if not counts:
                del self._counts[domain]

    def _users(self, domain: str, wanted: Filter, after: str) -> Iterator[str]:
        shelves = [
            shelf.after(after)
            for key, shelf in self._domains.get(domain, {}).items()
            if wanted.has(key)
        ]
        return (aor for aor, _ in groupby(merge(*shelves)))
