"""The users the hub knows, in lists that are sent to a new subscriber piece by piece (pure).

A list only grows at its end, so a position in it stays valid while users come and go.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import msgspec

from sinks.gateway.message import Message, number_in, offset_in


@dataclass(slots=True, eq=False)
class Group:
    """All users of a domain, or (`of_all`) of all domains, in the order they became known."""

    of_all: bool = False
    # None for a removed user: listings may be within the list. Removals are rare.
    users: list["User | None"] = field(default_factory=list)

    def add(self, user: "User") -> int:
        """Add a user at the end; returns its position."""
        self.users.append(user)
        return len(self.users) - 1


class User(msgspec.Struct, eq=False, gc=False):
    """One user's newest message, and position in the groups of all users and of the domain.

    Without the collector's header, as the message: with a million users that is 32 MB. Of cycles
    there is only that of a domain and its users, which are kept.
    """

    newest: Message
    domain: Group
    position: int = -1
    position_in_domain: int = -1

    def position_in(self, group: Group) -> int:
        """The position in one of the user's two groups, -1 in another."""
        if group is self.domain:
            return self.position_in_domain
        return self.position if group.of_all else -1


@dataclass(slots=True, eq=False)
class Listing:
    """How much of a group's state was sent to a subscriber: users from `next` to `end` are left.

    `since`: only users that changed at these offsets or after, by partition; None: all.
    """

    group: Group
    next: int
    end: int
    since: Sequence[int] | None = None

    def take(self, most: int) -> list[Message]:
        """The newest messages of the next `most` users of the group, of those it sends."""
        last = min(self.next + most, self.end)
        users, since = self.group.users[self.next : last], self.since
        self.next = last
        if since is None:
            return [user.newest for user in users if user is not None]
        return [u.newest for u in users if u is not None and is_newer(u.newest, since)]


def is_newer(message: Message, since: Sequence[int]) -> bool:
    """Whether the message is at these offsets (by partition) or after."""
    return offset_in(message.place) >= since[number_in(message.place)]


class Roster:
    """All users, by AOR and by domain."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._domains: dict[str, Group] = {}
        self.everybody = Group(of_all=True)

    def __len__(self) -> int:
        return len(self._users)

    def get(self, aor: str) -> User | None:
        return self._users.get(aor)

    def known(self, aors: Iterable[str]) -> list[User]:
        """Those of these users that there are."""
        return [user for user in map(self._users.get, aors) if user is not None]

    def domain(self, name: str) -> Group:
        """The users of a domain, which may have none yet."""
        return self._domains.get(name) or self._domains.setdefault(name, Group())

    def forget(self, name: str) -> None:
        """A domain that nobody watches any more: kept only if it has had users."""
        if (group := self._domains.get(name)) is not None and not group.users:
            del self._domains[name]

    def add(self, message: Message) -> User:
        """Add a user that is not known."""
        user = self._users[message.aor] = User(message, self.domain(message.domain))
        user.position, user.position_in_domain = self.everybody.add(user), user.domain.add(user)
        return user

    def remove(self, aor: str) -> User | None:
        """Remove a user, and return it if it was known; its positions stay empty."""
        if (user := self._users.pop(aor, None)) is not None:
            self.everybody.users[user.position] = None
            user.domain.users[user.position_in_domain] = None
        return user
