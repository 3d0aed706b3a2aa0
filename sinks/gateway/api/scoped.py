"""What one client may see of the gateway's users: every operation reads them through here (pure).

A user outside the client's scope and one who does not exist look the same, and cost the same: lists
are made of the scope's own domains and users, never by leaving others out.
"""

from collections import Counter
from collections.abc import Iterator, Set
from heapq import merge
from itertools import groupby
from operator import itemgetter

from sinks.gateway.access.redaction import Part
from sinks.gateway.access.scope import Scope
from sinks.gateway.errors import Forbidden, UnknownUser
from sinks.gateway.facts import Facts
from sinks.gateway.gateway import Gateway
from sinks.gateway.lookup.directory import Filter
from sinks.gateway.lookup.places import domain_tags, tag_of
from sinks.gateway.message import Message, domain_of


class ScopedUsers:
    """The users of one gateway within one scope."""

    def __init__(self, gateway: Gateway, scope: Scope) -> None:
        self._hub, self._index, self._scope = gateway.hub, gateway.index, scope

    def message(self, aor: str) -> Message:
        """A user's newest message, whole: for what is computed of it. Raises UnknownUser."""
        if (found := self.find(aor)) is None:
            raise UnknownUser(f"no presence of {aor}", "aor")
        return found

    def find(self, aor: str) -> Message | None:
        """The same, None where there is none."""
        return self._hub.get(aor) if self._scope.allows(aor) else None

    def shown(self, message: Message) -> bytes:
        """A user's record as JSON, without what the scope does not grant."""
        return self._scope.redact(message).value

    def require(self, part: Part, field: str) -> None:
        """Raises Forbidden: who may not see a part may not search by it either."""
        if not self._scope.grants(part):
            raise Forbidden(f"this token does not grant {part}", field)

    def listed(
        self, domains: Set[str], wanted: Filter, after: str | None = None
    ) -> Iterator[Message]:
        """Users of these domains (none named: of all), in order of domain and AOR.

        Not to be used after the next change. Raises Forbidden.
        """
        for domain in domains:
            self._scope.check_domain(domain)
        aors = self._index.directory.users(self._domains(domains), wanted, after)
        alone = self._alone(domains)
        since = (domain_of(after), after) if after is not None else ("", "")
        singles = sorted(
            (domain_of(message.aor), message.aor)
            for aor in alone
            if (message := self._hub.get(aor)) is not None and wanted.has_facts(message.facts)
        )
        both = merge(
            ((domain_of(aor), aor) for aor in aors), (one for one in singles if one > since)
        )
        for _, aor in both:
            if (message := self._hub.get(aor)) is not None:
                yield message

    def at_key(self, key: int, domains: Set[str], after: str | None = None) -> Iterator[Message]:
        """Users who may have a key of the reverse look-up, in its order (`places.tag_of`).

        Not to be used after the next change. Raises Forbidden.
        """
        for domain in domains:
            self._scope.check_domain(domain)
        chosen = self._domains(domains)
        parts = [None] if chosen is None else sorted(chosen, key=_first_tag)
        since = (tag_of(after), after) if after is not None else (-1, "")
        tagged = (
            (tag_of(message.aor), message.aor)
            for part in parts
            for message in self._index.at_key(key, after, part)
        )
        # Users of one tag come in the order of the roster, which is another in each gateway.
        found = (one for _, same in groupby(tagged, itemgetter(0)) for one in sorted(same))
        singles = sorted((tag_of(aor), aor) for aor in self._alone(domains) if self.find(aor))
        for one in merge(found, singles):
            if one > since and (message := self._hub.get(one[1])) is not None:
                yield message

    def counts(self) -> Counter[Facts]:
        """How many users have each status, reachability and nodes."""
        counts = self._index.directory.counts(self._domains(frozenset()))
        for aor in self._alone(frozenset()):
            if (message := self._hub.get(aor)) is not None:
                counts[message.facts] += 1
        return counts

    def _domains(self, asked: Set[str]) -> Set[str] | None:
        """The domains whose users are listed whole; None: all."""
        if asked:
            return asked
        return None if self._scope.everybody else self._scope.domains

    def _alone(self, asked: Set[str]) -> list[str]:
        """The scope's single users, where no domain is asked for."""
        if asked or self._scope.everybody:
            return []
        return [aor for aor in self._scope.aors if domain_of(aor) not in self._scope.domains]


def _first_tag(domain: str) -> int:
    return domain_tags(domain).start
