"""How many users there are: by status, node and domain (pure).

Users of one domain with the same facts are counted together, so that a change costs little, and a
summary costs by the number of such groups.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from schemas.vocabulary import Status
from sinks.gateway.facts import Confidence, Facts
from sinks.gateway.message import Message

# Domains and nodes a summary lists, those with the most users first.
MOST_LISTED = 100


@dataclass(slots=True)
class Totals:
    """Users by what is known of them; `unknown`: reachable as far as is known, on stale nodes."""

    users: int = 0
    reachable: int = 0
    suspect: int = 0
    unknown: int = 0

    def add(self, facts: Facts, count: int) -> None:
        self.users += count
        if facts.reachable:
            self.reachable += count
            self.suspect += count * (facts.confidence is Confidence.SUSPECT)
            self.unknown += count * (facts.confidence is Confidence.STALE)

    def as_json(self) -> dict[str, int]:
        return {
            "users": self.users,
            "reachable": self.reachable,
            "suspect": self.suspect,
            "unknown": self.unknown,
        }


@dataclass(slots=True)
class Summary:
    """The counts of the users whom one viewer may see."""

    totals: Totals = field(default_factory=Totals)
    statuses: Counter[Status] = field(default_factory=Counter)
    nodes: dict[str, Totals] = field(default_factory=dict)
    domains: dict[str, Totals] = field(default_factory=dict)

    def add(self, domain: str, facts: Facts, count: int = 1) -> None:
        """Add `count` users of the domain with these facts."""
        self.totals.add(facts, count)
        self.statuses[facts.status] += count
        if (of_domain := self.domains.get(domain)) is None:
            of_domain = self.domains[domain] = Totals()
        of_domain.add(facts, count)
        for node in facts.nodes:
            self.nodes.setdefault(node, Totals()).add(facts, count)

    def as_json(self) -> dict[str, Any]:
        """What the page gets, without the nodes. Of many domains only the largest are listed."""
        largest = sorted(self.domains.items(), key=lambda one: (-one[1].users, one[0]))
        return {
            **self.totals.as_json(),
            "statuses": {status.value: self.statuses[status] for status in Status},
            "domains": [{"domain": n, **t.as_json()} for n, t in largest[:MOST_LISTED]],
            "domains_total": len(self.domains),
        }


class Counts:
    """All users by domain and facts."""

    def __init__(self, messages: Iterable[Message] = ()) -> None:
        # By domain and the identity of the facts: the facts, and how many users have them.
        self._domains: dict[str, dict[int, _Group]] = {}
        for message in messages:
            self._count(message, 1)

    def change(self, old: Message | None, new: Message | None) -> None:
        """A user has come, has changed, or is gone."""
        if old is not None:
            if new is not None and old.facts is new.facts:
                return
            self._count(old, -1)
        if new is not None:
            self._count(new, 1)

    def summary(self, allows: Callable[[str], bool] = lambda _: True) -> Summary:
        """The counts of the domains that `allows` returns true for."""
        found = Summary()
        for domain, groups in self._domains.items():
            if allows(domain):
                for group in groups.values():
                    found.add(domain, group.facts, group.users)
        return found

    def _count(self, message: Message, more: int) -> None:
        facts, domain = message.facts, message.domain
        if (groups := self._domains.get(domain)) is None:
            groups = self._domains[domain] = {}
        if (group := groups.get(id(facts))) is None:
            group = groups[id(facts)] = _Group(facts)
        group.users += more
        if not group.users:
            del groups[id(facts)]
            if not groups:
                del self._domains[domain]


@dataclass(slots=True)
class _Group:
    facts: Facts
    users: int = 0
