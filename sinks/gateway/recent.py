"""Which users changed last, and which were removed: what a subscriber that resumes is sent (pure).

Both are in the order of the topic, by partition: to resume, the newest are read backwards until the
subscriber's cursor, however many users there are.
"""

from collections import OrderedDict
from collections.abc import Iterator, Sequence

from sinks.gateway.message import Message, number_in, offset_in
from sinks.gateway.roster import User

# So many users' last changes are at hand: some minutes of a busy cluster. About 200 bytes each.
RECENT_MAX = 50_000


class RecentChanges:
    """The users that changed last, in each partition."""

    def __init__(self, most: int = RECENT_MAX) -> None:
        """Of each partition up to `most` users are kept, divided by the number of partitions."""
        self._most = most
        self._users: dict[int, OrderedDict[str, User]] = {}
        # The offset from which on each partition's changes are known.
        self._floors: dict[int, int] = {}

    def add(self, user: User) -> None:
        """The user has just changed."""
        message = user.newest
        number = number_in(message.place)
        users = self._users.get(number)
        if users is None:
            users = self._users[number] = OrderedDict()
        users[message.aor] = user
        users.move_to_end(message.aor)
        if len(users) * len(self._users) > self._most:
            _, oldest = users.popitem(last=False)
            self._floors[number] = offset_in(oldest.newest.place) + 1

    def remove(self, user: User) -> None:
        """The user is removed."""
        message = user.newest
        if (users := self._users.get(number_in(message.place))) is not None:
            users.pop(message.aor, None)

    def since(self, offsets: Sequence[int]) -> list[User] | None:
        """The users that changed at these offsets or after; None where not all are known."""
        found: list[User] = []
        for number, users in self._users.items():
            first = offsets[number]
            if first < self._floors.get(number, 0):
                return None
            for user in reversed(users.values()):
                if offset_in(user.newest.place) < first:
                    break
                found.append(user)
        found.reverse()
        return found


class Removals:
    """The last removal of each user that was removed, also of one that has come back."""

    def __init__(self) -> None:
        self._messages: dict[int, OrderedDict[str, Message]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._messages.values()))

    def add(self, message: Message) -> None:
        removed = self._messages.setdefault(number_in(message.place), OrderedDict())
        removed[message.aor] = message
        removed.move_to_end(message.aor)

    def forget(self, before: float) -> None:
        """Forget the removals of before this time, in seconds since 1970."""
        for removed in self._messages.values():
            while removed and next(iter(removed.values())).at < before:
                removed.popitem(last=False)

    def of(self, aor: str, offsets: Sequence[int]) -> Message | None:
        """The user's removal, if it was at these offsets or after."""
        for number, removed in self._messages.items():
            found = removed.get(aor)
            if found is not None and offset_in(found.place) >= offsets[number]:
                return found
        return None

    def since(self, offsets: Sequence[int]) -> Iterator[Message]:
        """The removals at these offsets or after."""
        for number, removed in self._messages.items():
            for message in reversed(removed.values()):
                if offset_in(message.place) < offsets[number]:
                    break
                yield message
