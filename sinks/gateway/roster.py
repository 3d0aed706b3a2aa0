"""The users the hub knows, in lists that a new subscriber can be shown piece by piece (pure).

A list only grows at its end, so a place in it stays true while others come and go.
"""

from dataclasses import dataclass, field

from sinks.gateway.message import Message


@dataclass(slots=True, eq=False)
class Group:
    """All users of a domain, or (`of_all`) of all domains, in the order they became known."""

    of_all: bool = False
    # A removed user leaves None: somebody may be on the way through the list. Removals are rare.
    users: list["User | None"] = field(default_factory=list)

    def add(self, user: "User") -> int:
        """The place it got."""
        self.users.append(user)
        return len(self.users) - 1


@dataclass(slots=True, eq=False)
class User:
    """The newest message of one user, and where they stand in the group of all and their own."""

    newest: Message
    domain: Group
    place: int = -1
    place_in_domain: int = -1

    def place_in(self, group: Group) -> int:
        """Their place in one of their two groups, -1 in another."""
        if group is self.domain:
            return self.place_in_domain
        return self.place if group.of_all else -1


@dataclass(slots=True, eq=False)
class Show:
    """How far a subscriber has been shown a group's state: users from `next` to `end` are not."""

    group: Group
    next: int
    end: int

    def take(self, most: int) -> list[Message]:
        """The next users of the group, as they are now."""
        last = min(self.next + most, self.end)
        users = self.group.users[self.next : last]
        self.next = last
        return [user.newest for user in users if user is not None]


class Roster:
    """Everybody, by AOR and by domain."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._domains: dict[str, Group] = {}
        self.everybody = Group(of_all=True)

    def __len__(self) -> int:
        return len(self._users)

    def get(self, aor: str) -> User | None:
        return self._users.get(aor)

    def domain(self, name: str) -> Group:
        """The users of a domain, which may have none yet."""
        return self._domains.get(name) or self._domains.setdefault(name, Group())

    def forget(self, name: str) -> None:
        """A domain that is asked for no longer: kept only if it has had users."""
        if (group := self._domains.get(name)) is not None and not group.users:
            del self._domains[name]

    def add(self, message: Message) -> User:
        """A user not known by now."""
        user = self._users[message.aor] = User(message, self.domain(message.domain))
        user.place, user.place_in_domain = self.everybody.add(user), user.domain.add(user)
        return user

    def remove(self, aor: str) -> User | None:
        """The user that was known until now; their places stay empty."""
        if (user := self._users.pop(aor, None)) is not None:
            self.everybody.users[user.place] = None
            user.domain.users[user.place_in_domain] = None
        return user
