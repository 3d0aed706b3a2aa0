"""One subscriber as the hub sees it: whom it watches, and which messages wait for it (pure)."""

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import islice

from sinks.gateway.message import Message, domain_of, left_message
from sinks.gateway.roster import Listing, User


@dataclass(frozen=True, slots=True)
class Watch:
    """Whom a subscriber watches: these users, everybody of these domains; neither: everybody.

    `only_reachable`: of them those who are reachable now. `only_named`: where nobody is named,
    nobody is watched.
    """

    aors: frozenset[str] = frozenset()
    domains: frozenset[str] = frozenset()
    only_reachable: bool = False
    only_named: bool = False

    @property
    def everybody(self) -> bool:
        return not self.aors and not self.domains and not self.only_named

    def shows(self, message: Message) -> bool:
        """Whether a watched user with this record is to be shown."""
        return not self.only_reachable or message.facts.reachable

    def has_in_group(self, aor: str) -> bool:
        """Whether the user is watched with all others, or with all of its domain."""
        return self.everybody or domain_of(aor) in self.domains

    @property
    def names(self) -> list[str]:
        """All that is watched, for a tag (cursor.tag_of)."""
        names = [*self.aors, *(f"@{name}" for name in self.domains)]
        return [*names, "?reachable"] if self.only_reachable else names

    @property
    def single(self) -> list[str]:
        """The users that are in no watched domain: no message is sent twice."""
        aors = sorted(self.aors)
        return [one for one in aors if domain_of(one) not in self.domains] if self.domains else aors


# Where markers wait among the users' messages: no AOR.
LIVE, CURSOR, ANSWER = "live", "cursor", "answer"
# Users of a listing that one call goes through: some milliseconds.
_SCANNED_MAX = 20_000


@dataclass(slots=True, eq=False)
class Subscriber:
    """The messages that wait for one subscriber. Only the hub changes them.

    `view` names what is shown of the users, `tag` is that of its cursors. `listings`: how much of
    the present state is still to be sent. `resumed`: only what is newer than its cursor is sent.
    """

    watch: Watch
    wake: Callable[[], None]
    view: str = ""
    tag: str = ""
    resumed: bool = False
    waiting: OrderedDict[str, Message] = field(default_factory=OrderedDict)
    removed: dict[str, Message] = field(default_factory=dict)
    listings: list[Listing] = field(default_factory=list)

    @property
    def has_nothing(self) -> bool:
        return not (self.waiting or self.removed or self.listings)

    @property
    def is_live(self) -> bool:
        """Whether the marker was taken that follows the present state."""
        return not self.listings and LIVE not in self.waiting

    def will_reach(self, user: User) -> bool:
        """Whether a listing has this user before it, so that its newest message will be sent."""
        return any(one.next <= user.position_in(one.group) < one.end for one in self.listings)

    def queue(self, message: Message, *, is_known: bool) -> None:
        """Have the message sent; or, where the user is not to be shown any more, that it is not.

        `is_known`: the subscriber may have the user.
        """
        if self.watch.shows(message):
            self.waiting[message.aor] = message
        elif self.waiting.pop(message.aor, None) is not None or is_known:
            self.removed[message.aor] = left_message(message)

    def take_removed(self, most: int) -> list[Message]:
        """Remove and return up to `most` of the removals that wait."""
        taken = list(islice(self.removed.values(), most))
        for message in taken:
            del self.removed[message.aor]
        return taken

    def take_waiting(self, most: int) -> list[Message]:
        """Remove and return up to `most` of the other messages, the longest waiting first."""
        waiting = self.waiting
        return [waiting.popitem(last=False)[1] for _ in range(min(most, len(waiting)))]

    def take_listed(self, most: int) -> list[Message]:
        """The next messages of the listings: `most` at most, and none when the scanned users are
        not to be sent. The ended listings are removed."""
        taken: list[Message] = []
        scanned = 0
        while self.listings and len(taken) < most and scanned < _SCANNED_MAX:
            scanned += most - len(taken)
            for message in self.listings[0].take(most - len(taken)):
                if self.watch.shows(message):
                    taken.append(message)
                elif self.resumed:
                    taken.append(left_message(message))
            if self.listings[0].next == self.listings[0].end:
                self.listings.pop(0)
        return taken
