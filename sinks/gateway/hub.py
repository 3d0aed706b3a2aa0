"""Who watches which users, and which messages wait for whom: between reader and connections.

Pure: no I/O, no clock, no tasks. A subscriber's `wake` is called when its first message waits.

Invariants: at most one message of a user waits for a subscriber, the newest; versions of a user
only grow for a subscriber, until the user's removal is sent; the marker LIVE comes after the state
of each watched user, as it was at the subscription or later.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sinks.gateway.message import LIVE, Message, domain_of
from sinks.gateway.roster import Cursor, Group, Roster, User
from sinks.gateway.subscriber import Subscriber, Watch

Subscribers = dict[Subscriber, None]  # a set that keeps the order


class Hub:
    """The newest message of every user, and the subscribers. Not thread-safe."""

    def __init__(self) -> None:
        self._roster = Roster()
        self._by_aor: dict[str, Subscribers] = {}
        self._by_domain: dict[str, Subscribers] = {}
        self._of_everybody: Subscribers = {}
        self.coalesced = 0

    @property
    def users(self) -> int:
        return len(self._roster)

    def get(self, aor: str) -> Message | None:
        """The newest message of one user."""
        user = self._roster.get(aor)
        return user.newest if user else None

    def within(self, watch: Watch) -> Iterator[Message]:
        """The newest messages of all users watched: domain by domain, then single users.

        To list what a client may see: `hub.within(scope.narrowed(Watch(…)))`, and of each message
        `scope.redact(message)`. Between two of them no user may be added or removed.
        """
        for group in self._known_groups(watch):
            yield from (user.newest for user in group.users if user is not None)
        for aor in watch.single:
            if user := self._roster.get(aor):
                yield user.newest

    # -- for the index ----------------------------------------------------------------------------
    @property
    def positions(self) -> int:
        """How many users there have been: each has a position below, and keeps it."""
        return len(self._roster.everybody.users)

    def position(self, aor: str) -> int:
        """A user's position, -1 of an unknown one."""
        user = self._roster.get(aor)
        return user.position if user else -1

    def at(self, position: int) -> Message | None:
        """The newest message of the user at a position; None where it was removed."""
        user = self._roster.everybody.users[position]
        return user.newest if user else None

    def newest(self) -> Iterator[Message]:
        """The newest message of every user."""
        return (user.newest for user in self._roster.everybody.users if user)

    # -- for the subscribers ----------------------------------------------------------------------
    def subscribe(self, watch: Watch, wake: Callable[[], None]) -> Subscriber:
        """A new subscriber; the present state waits for it, and at least the marker LIVE."""
        subscriber = Subscriber(watch, wake)
        if watch.everybody:
            self._of_everybody[subscriber] = None
        for name in watch.domains:
            self._by_domain.setdefault(name, {})[subscriber] = None
        for group in self._groups(watch):
            if group.users:
                subscriber.cursors.append(Cursor(group, 0, len(group.users)))
        for aor in watch.single:
            self._by_aor.setdefault(aor, {})[subscriber] = None
            if user := self._roster.get(aor):
                subscriber.waiting[aor] = user.newest
        if not subscriber.cursors:
            subscriber.waiting[LIVE.aor] = LIVE
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Forget the subscriber."""
        self._of_everybody.pop(subscriber, None)
        _remove(self._by_aor, subscriber.watch.single, subscriber)
        for name in _remove(self._by_domain, subscriber.watch.domains, subscriber):
            self._roster.forget(name)

    def take(self, subscriber: Subscriber, most: int) -> list[Message]:
        """Remove and return up to `most` (2 or more) waiting messages, the longest waiting first.

        Until the present state is sent, half of them are changes, so that neither waits for the end
        of the other.
        """
        taken = list(islice(subscriber.removed.values(), most))
        for message in taken:
            del subscriber.removed[message.aor]
        waiting, cursors = subscriber.waiting, subscriber.cursors
        taken += _first(waiting, (most - len(taken)) // (2 if cursors else 1))
        while cursors and len(taken) < most:
            taken += cursors[0].take(most - len(taken))
            if cursors[0].next == cursors[0].end:
                cursors.pop(0)
                if not cursors:
                    waiting[LIVE.aor] = LIVE
        taken += _first(waiting, most - len(taken))
        return taken

    # -- for the reader ---------------------------------------------------------------------------
    def change(self, message: Message) -> bool:
        """Apply a presence record; no effect, and False, unless its version is newer."""
        user = self._roster.get(message.aor)
        if user is None:
            user = self._roster.add(message)
        elif message.version <= user.newest.version:
            return False
        else:
            message.aor = user.newest.aor  # one text for all records of the user
            user.newest = message
        for subscriber in self._watching(user):
            had_nothing = subscriber.has_nothing
            self.coalesced += message.aor in subscriber.waiting
            subscriber.waiting[message.aor] = message
            if had_nothing:
                subscriber.wake()
        return True

    def remove(self, message: Message) -> None:
        """Apply a removal: another record, of any version, may come later."""
        user = self._roster.remove(message.aor)
        if user is None:
            return
        for subscriber in self._watching(user):
            had_nothing = subscriber.has_nothing
            self.coalesced += subscriber.waiting.pop(message.aor, None) is not None
            subscriber.removed[message.aor] = message
            if had_nothing:
                subscriber.wake()

    def _watching(self, user: User) -> Iterator[Subscriber]:
        """The subscribers of a user, without those whose cursor will come to the user yet."""
        aor = user.newest.aor
        for subscribers in (
            self._by_aor.get(aor),
            self._by_domain.get(domain_of(aor)),
            self._of_everybody,
        ):
            for subscriber in subscribers or ():
                if not (subscriber.cursors and subscriber.will_reach(user)):
                    yield subscriber

    def _known_groups(self, watch: Watch) -> list[Group]:
        if watch.everybody:
            return [self._roster.everybody]
        found = map(self._roster.find_domain, sorted(watch.domains))
        return [group for group in found if group is not None]

    def _groups(self, watch: Watch) -> list[Group]:
        if watch.everybody:
            return [self._roster.everybody]
        return [self._roster.domain(name) for name in sorted(watch.domains)]


def _first(waiting: OrderedDict[str, Message], most: int) -> list[Message]:
    return [waiting.popitem(last=False)[1] for _ in range(min(most, len(waiting)))]


def _remove(
    index: dict[str, Subscribers], names: Iterable[str], subscriber: Subscriber
) -> list[str]:
    """Remove the subscriber from the index; returns the names that have no subscriber any more."""
    left = []
    for name in names:
        subscribers = index.get(name, {})
        subscribers.pop(subscriber, None)
        if not subscribers and index.pop(name, None) is not None:
            left.append(name)
    return left
