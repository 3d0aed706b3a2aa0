"""Who watches what, and what waits for whom: between the reader and the subscribers' connections.

Pure: no I/O, no clock, no tasks; who had nothing to take and now has is told by its `wake`.

Invariants: at most one message of a user waits for a subscriber, the newest; versions of a user
only grow for a subscriber, until it is told that the user is removed; the marker LIVE comes after
the state of each watched user, as it was at the subscription or later.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from sinks.gateway.message import LIVE, Message, domain_of
from sinks.gateway.roster import Group, Roster, Show, User
from sinks.gateway.subscriber import Subscriber, Watch

Subscribers = dict[Subscriber, None]  # a set that keeps the order


class Hub:
    """The newest of every user, and the subscribers. Not thread-safe."""

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
        """The newest of one user."""
        user = self._roster.get(aor)
        return user.newest if user else None

    # -- the subscribers' side --------------------------------------------------------------------
    def subscribe(self, watch: Watch, wake: Callable[[], None]) -> Subscriber:
        """A new subscriber; the state of now waits for it, and at least the marker LIVE."""
        subscriber = Subscriber(watch, wake)
        if watch.everybody:
            self._of_everybody[subscriber] = None
        for name in watch.domains:
            self._by_domain.setdefault(name, {})[subscriber] = None
        for group in self._groups(watch):
            if group.users:
                subscriber.shows.append(Show(group, 0, len(group.users)))
        for aor in watch.single:
            self._by_aor.setdefault(aor, {})[subscriber] = None
            if user := self._roster.get(aor):
                subscriber.waiting[aor] = user.newest
        if not subscriber.shows:
            subscriber.waiting[LIVE.aor] = LIVE
        return subscriber

    def unsubscribe(self, subscriber: Subscriber) -> None:
        """Nothing is kept of it."""
        self._of_everybody.pop(subscriber, None)
        _leave(self._by_aor, subscriber.watch.single, subscriber)
        for name in _leave(self._by_domain, subscriber.watch.domains, subscriber):
            self._roster.forget(name)

    def take(self, subscriber: Subscriber, most: int) -> list[Message]:
        """Up to `most` (2 or more) of what waits, the longest waiting first; they go with it.

        While the present state is being shown, changes get half of the room, so that neither
        waits for the other's end.
        """
        taken = list(islice(subscriber.removed.values(), most))
        for message in taken:
            del subscriber.removed[message.aor]
        waiting, shows = subscriber.waiting, subscriber.shows
        taken += _first(waiting, (most - len(taken)) // (2 if shows else 1))
        while shows and len(taken) < most:
            taken += shows[0].take(most - len(taken))
            if shows[0].next == shows[0].end:
                shows.pop(0)
                if not shows:
                    waiting[LIVE.aor] = LIVE
        taken += _first(waiting, most - len(taken))
        return taken

    # -- the reader's side ------------------------------------------------------------------------
    def change(self, message: Message) -> None:
        """A presence record; without effect unless its version is newer."""
        user = self._roster.get(message.aor)
        if user is None:
            user = self._roster.add(message)
        elif message.version <= user.newest.version:
            return
        else:
            user.newest = message
        for subscriber in self._told_of(user):
            had_nothing = subscriber.has_nothing
            self.coalesced += message.aor in subscriber.waiting
            subscriber.waiting[message.aor] = message
            if had_nothing:
                subscriber.wake()

    def remove(self, message: Message) -> None:
        """The user's record is gone; another one, of whatever version, may come later."""
        user = self._roster.remove(message.aor)
        if user is None:
            return
        for subscriber in self._told_of(user):
            had_nothing = subscriber.has_nothing
            self.coalesced += subscriber.waiting.pop(message.aor, None) is not None
            subscriber.removed[message.aor] = message
            if had_nothing:
                subscriber.wake()

    def _told_of(self, user: User) -> Iterator[Subscriber]:
        """Who watches the user, but for those whose show of the present state comes to them yet."""
        aor = user.newest.aor
        for subscribers in (
            self._by_aor.get(aor),
            self._by_domain.get(domain_of(aor)),
            self._of_everybody,
        ):
            for subscriber in subscribers or ():
                if not (subscriber.shows and subscriber.will_be_shown(user)):
                    yield subscriber

    def _groups(self, watch: Watch) -> list[Group]:
        if watch.everybody:
            return [self._roster.everybody]
        return [self._roster.domain(name) for name in sorted(watch.domains)]


def _first(waiting: OrderedDict[str, Message], most: int) -> list[Message]:
    return [waiting.popitem(last=False)[1] for _ in range(min(most, len(waiting)))]


def _leave(
    index: dict[str, Subscribers], names: Iterable[str], subscriber: Subscriber
) -> list[str]:
    """Take the subscriber out of the index; the names nobody is left under."""
    left = []
    for name in names:
        subscribers = index.get(name, {})
        subscribers.pop(subscriber, None)
        if not subscribers and index.pop(name, None) is not None:
            left.append(name)
    return left
