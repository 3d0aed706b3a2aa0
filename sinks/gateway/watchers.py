"""Which subscribers watch a user: by name, with its domain, or with everybody (pure)."""

from collections.abc import Iterable, Iterator

from sinks.gateway.message import domain_of
from sinks.gateway.subscriber import Subscriber

Subscribers = dict[Subscriber, None]  # a set that keeps the order


class Watchers:
    """All subscribers of one hub."""

    def __init__(self) -> None:
        self._by_aor: dict[str, Subscribers] = {}
        self._by_domain: dict[str, Subscribers] = {}
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
            yield from subscribers or ()

    def add(self, subscriber: Subscriber) -> None:
        """A subscriber with all that it watches."""
        watch = subscriber.watch
        self.named += len(watch.aors)
        if watch.everybody:
            self._of_everybody[subscriber] = None
        for name in watch.domains:
            self._by_domain.setdefault(name, {})[subscriber] = None
        for aor in watch.single:
            self._by_aor.setdefault(aor, {})[subscriber] = None

    def remove(self, subscriber: Subscriber) -> list[str]:
        """Forget a subscriber; returns the domains that nobody watches any more."""
        watch = subscriber.watch
        self.named -= len(watch.aors)
        self._of_everybody.pop(subscriber, None)
        _remove(self._by_aor, watch.single, subscriber)
        return _remove(self._by_domain, watch.domains, subscriber)

    def change(self, subscriber: Subscriber, add: Iterable[str], remove: Iterable[str]) -> None:
        """Other users by name: none of those to add is watched yet, all to remove are."""
        added, removed = list(add), list(remove)
        self.named += len(added) - len(removed)
        _remove(self._by_aor, removed, subscriber)
        for aor in added:
            self._by_aor.setdefault(aor, {})[subscriber] = None


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
