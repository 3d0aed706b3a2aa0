"""One subscriber as the hub sees it: whom it watches, and which messages wait for it (pure)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from sinks.gateway.message import Message, domain_of
from sinks.gateway.roster import Cursor, User


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
        """The users that are in no watched domain: no message is sent twice."""
        return [aor for aor in sorted(self.aors) if domain_of(aor) not in self.domains]


@dataclass(slots=True, eq=False)
class Subscriber:
    """The messages that wait for one subscriber. Only the hub changes them.

    `cursors`: how much of the present state is still to be sent.
    """

    watch: Watch
    wake: Callable[[], None]
    waiting: OrderedDict[str, Message] = field(default_factory=OrderedDict)
    removed: dict[str, Message] = field(default_factory=dict)
    cursors: list[Cursor] = field(default_factory=list)

    @property
    def has_nothing(self) -> bool:
        return not (self.waiting or self.removed or self.cursors)

    def will_reach(self, user: User) -> bool:
        """Whether a cursor has this user before it, so that its newest message will be sent."""
        return any(c.next <= user.position_in(c.group) < c.end for c in self.cursors)
