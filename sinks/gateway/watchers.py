"""Which subscribers watch a user: by name, with its domain, or with everybody (pure)."""

from collections.abc import Collection, Iterable, Iterator

from sinks.gateway.message import domain_of
from sinks.gateway.subscriber import Subscriber

Subscribers = dict[Subscriber, None]  # a set that keeps the order
# By name: most have one subscriber, and a set for each of a million would take 200 MB more.
Index = dict[str, Subscriber | Subscribers]


class Watchers:
    """All subscribers of one hub."""

    def __init__(self) -> None:
        self._by_aor: Index = {}
        self._by_domain: Index = {}
        self._of_everybody: Subscribers = {}
        # Users watched by name, of all subscribers.
        self.named = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing is kept of any subscriber."""
        return not (self._by_aor or self._by_domain or self._of_everybody or self.named)

    def of(self, aor: str) -> Iterator[Subscriber]:
        """The subscribers that watch a user."""
        for subscribers in (
            self._by_aor.get(aor),
            self._by_domain.get(domain_of(aor)),
            self._of_everybody,
        ):
            if isinstance(subscribers, Subscriber):
                yield subscribers
            elif subscribers:
                yield from subscribers

    def add(self, subscriber: Subscriber) -> None:
        """A subscriber with all that it watches."""
        watch = subscriber.watch
        self.named += len(watch.aors)
        if watch.everybody:
            self._of_everybody[subscriber] = None
        _add(self._by_domain, watch.domains, subscriber)
        _add(self._by_aor, watch.single, subscriber)

    def remove(self, subscriber: Subscriber) -> list[str]:
        """Forget a subscriber; returns the domains that nobody watches any more."""
        watch = subscriber.watch
        self.named -= len(watch.aors)
        self._of_everybody.pop(subscriber, None)
        _remove(self._by_aor, watch.single, subscriber)
        return _remove(self._by_domain, watch.domains, subscriber)

    def change(self, subscriber: Subscriber, add: Collection[str], remove: Collection[str]) -> None:
        """Other users by name: none of those to add is watched yet, all to remove are."""
        self.named += len(add) - len(remove)
        _remove(self._by_aor, remove, subscriber)
        _add(self._by_aor, add, subscriber)


def _add(index: Index, names: Iterable[str], subscriber: Subscriber) -> None:
    for name in names:
        found = index.setdefault(name, subscriber)
        if isinstance(found, dict):
            found[subscriber] = None
        elif found is not subscriber:
            index[name] = {found: None, subscriber: None}


def _remove(index: Index, names: Iterable[str], subscriber: Subscriber) -> list[str]:
    """Remove the subscriber from the index; returns the names that have no subscriber any more."""
    left = []
    for name in names:
        found = index.get(name)
        if isinstance(found, dict):
            found.pop(subscriber, None)
            if found:
                continue
        elif found is not subscriber:
            continue
        del index[name]
        left.append(name)
    return left
