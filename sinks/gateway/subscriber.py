"""One subscriber as the hub sees it: whom it watches, and what waits for it (pure)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from sinks.gateway.message import Message, domain_of
from sinks.gateway.roster import Show, User


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom a subscriber watches: these users, everybody of these domains; neither: everybody."""

    aors: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()

    @property
    def everybody(self) -> bool:
        return not self.aors and not self.domains

    @property
    def single(self) -> list[str]:
        """The users that no watched domain has: nobody is told anything twice."""
        return [aor for aor in sorted(self.aors) if domain_of(aor) not in self.domains]


@dataclass(slots=True, eq=False)
class Subscriber:
    """What waits for one subscriber. Only the hub changes it."""

    watch: Watch
    wake: Callable[[], None]
    waiting: OrderedDict[str, Message] = field(default_factory=OrderedDict)
    removed: dict[str, Message] = field(default_factory=dict)
    shows: list[Show] = field(default_factory=list)

    @property
    def has_nothing(self) -> bool:
        return not (self.waiting or self.removed or self.shows)

    def will_be_shown(self, user: User) -> bool:
        """Whether the present state, which is still on its way, will have this user."""
        return any(show.next <= user.place_in(show.group) < show.end for show in self.shows)
