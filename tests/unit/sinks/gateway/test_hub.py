"""The hub: each subscriber gets the newest message of each user it watches, and no other."""

from collections.abc import Callable
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sinks.gateway.hub import Hub
from sinks.gateway.message import Message, domain_of, removal_message
from sinks.gateway.subscriber import Subscriber, Watch

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"
AORS = (ANN, BOB, EVE, "sip:ann@two.test", "sip:joe@three.test")
DOMAINS = ("one.test", "two.test", "empty.test")


def record(aor: str, version: int) -> Message:
    return Message(aor, version, b"", 0.0, 0)


def contents(messages: list[Message]) -> list[tuple[str, int]]:
    """(AOR, version); the marker is ("", 0), a removal (AOR, 0)."""
    return [(message.aor, message.version) for message in messages]


MARK = ("", 0)


class Wakes:
    """Counts how often the hub woke a subscriber."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> None:
        self.count += 1


def subscribed(hub: Hub, watch: Watch, wake: Callable[[], None] = lambda: None) -> Subscriber:
    """A subscriber that has been shown the present state."""
    subscriber = hub.subscribe(watch, wake)
    while hub.take(subscriber, 10):
        pass
    return subscriber


def test_the_present_state_is_sent_first_then_the_marker_then_changes() -> None:
    hub = Hub()
    for message in (record(ANN, 3), record(BOB, 1), record(EVE, 7)):
        hub.change(message)
    subscriber = hub.subscribe(Watch(domains=frozenset({"one.test"})), lambda: None)
    assert contents(hub.take(subscriber, 10)) == [(ANN, 3), (BOB, 1), MARK]
    hub.change(record(BOB, 2))
    hub.change(record(EVE, 8))
    assert contents(hub.take(subscriber, 10)) == [(BOB, 2)]
    assert hub.take(subscriber, 10) == []


def test_a_subscriber_of_unknown_users_gets_the_marker_at_once() -> None:
    hub = Hub()
    for watch in (Watch(), Watch(frozenset({ANN})), Watch(domains=frozenset({"one.test"}))):
        assert contents(hub.take(hub.subscribe(watch, lambda: None), 10)) == [MARK]


def test_a_repeated_or_older_version_is_sent_to_nobody() -> None:
    hub, wakes = Hub(), Wakes()
    hub.change(record(ANN, 5))
    subscriber = subscribed(hub, Watch(), wakes)
    hub.change(record(ANN, 5))
    hub.change(record(ANN, 4))
    assert (hub.take(subscriber, 10), wakes.count) == ([], 0)
    found = hub.get(ANN)
    assert found is not None
    assert found.version == 5


def test_only_the_newest_message_of_a_user_waits_after_one_wake() -> None:
    hub, wakes = Hub(), Wakes()
    subscriber = subscribed(hub, Watch(frozenset({ANN, BOB})), wakes)
    for version in range(1, 1001):
        hub.change(record(ANN, version))
        hub.change(record(BOB, version))
        hub.change(record(EVE, version))
    assert wakes.count == 1
    assert len(subscriber.waiting) == 2
    assert hub.coalesced == 2 * 999
    assert contents(hub.take(subscriber, 10)) == [(ANN, 1000), (BOB, 1000)]


def test_a_user_watched_by_aor_and_domain_is_sent_once() -> None:
    hub = Hub()
    hub.change(record(ANN, 1))
    watch = Watch(frozenset({ANN, EVE}), frozenset({"one.test", "two.test"}))
    subscriber = hub.subscribe(watch, lambda: None)
    assert contents(hub.take(subscriber, 10)) == [(ANN, 1), MARK]
    hub.change(record(ANN, 2))
    hub.change(record(EVE, 1))
    assert contents(hub.take(subscriber, 10)) == [(ANN, 2), (EVE, 1)]


def test_a_change_before_the_cursor_is_sent_once_with_the_state() -> None:
    hub = Hub()
    aors = [f"sip:u{n}@one.test" for n in range(10)]
    for aor in aors:
        hub.change(record(aor, 1))
    subscriber = hub.subscribe(Watch(), lambda: None)
    assert contents(hub.take(subscriber, 4)) == [(aor, 1) for aor in aors[:4]]
    hub.change(record(aors[0], 2))  # shown already
    hub.change(record(aors[9], 2))  # not yet
    hub.change(record(EVE, 1))  # new
    rest = contents(hub.take(subscriber, 100))
    assert rest == [(aors[0], 2), (EVE, 1), *((a, 1) for a in aors[4:9]), (aors[9], 2), MARK]


def test_constant_changes_do_not_delay_the_present_state() -> None:
    hub = Hub()
    for number in range(100):
        hub.change(record(f"sip:u{number}@one.test", 1))
    subscriber, takes, seen = hub.subscribe(Watch(), lambda: None), 0, set()
    while MARK not in seen:
        takes += 1
        assert takes < 100
        for number in range(100):
            hub.change(record(f"sip:u{number}@one.test", 1 + takes))
        seen |= set(contents(hub.take(subscriber, 10)))


def test_a_removal_is_sent_and_the_user_may_begin_again() -> None:
    hub = Hub()
    hub.change(record(ANN, 9))
    subscriber = subscribed(hub, Watch())
    hub.remove(removal_message(ANN, 0.0))
    hub.change(record(ANN, 1))
    assert contents(hub.take(subscriber, 10)) == [(ANN, 0), (ANN, 1)]
    hub.change(record(ANN, 2))
    hub.remove(removal_message(ANN, 0.0))
    hub.remove(removal_message(ANN, 0.0))
    assert contents(hub.take(subscriber, 10)) == [(ANN, 0)]
    assert hub.get(ANN) is None
    assert hub.users == 0


def test_nothing_is_kept_of_a_subscriber_that_left() -> None:
    hub = Hub()
    hub.change(record(ANN, 1))
    for number in range(100):
        watch = Watch(frozenset({ANN, f"sip:x@{number}.test"}), frozenset({f"{number}.example"}))
        hub.unsubscribe(hub.subscribe(watch, lambda: None))
        hub.unsubscribe(hub.subscribe(Watch(), lambda: None))
    assert hub.watchers.is_empty
    assert len(hub._roster._domains) == 1


WATCHES = st.builds(
    Watch,
    st.frozensets(st.sampled_from(AORS), max_size=3),
    st.frozensets(st.sampled_from(DOMAINS), max_size=2),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), WATCHES),
        st.tuples(st.just("unsubscribe"), st.integers(0, 9)),
        st.tuples(st.just("change"), st.sampled_from(AORS), st.integers(1, 12)),
        st.tuples(st.just("remove"), st.sampled_from(AORS)),
        st.tuples(st.just("take"), st.integers(0, 9), st.integers(2, 5)),
    ),
    max_size=60,
)


class Watching:
    """A subscriber that checks each message it receives."""

    def __init__(self, hub: Hub, watch: Watch, known: dict[str, int]) -> None:
        self.hub, self.watch = hub, watch
        self.woken = True
        self.subscriber = hub.subscribe(watch, self.wake)
        # Users whose state is still to come, and the versions received.
        self.expected = {aor for aor in known if self.watches(aor)}
        self.has: dict[str, int] = {}
        self.is_live = False

    def wake(self) -> None:
        assert not self.woken, "woken again, though messages were waiting"
        self.woken = True

    def watches(self, aor: str) -> bool:
        everybody = not self.watch.aors and not self.watch.domains
        return everybody or aor in self.watch.aors or domain_of(aor) in self.watch.domains

    def take(self, most: int) -> bool:
        messages = self.hub.take(self.subscriber, most)
        assert len(messages) <= most
        assert bool(messages) <= self.woken, "messages waiting without a wake"
        for message in messages:
            if not message.aor:
                assert not self.is_live
                assert not self.expected, "the marker was sent before the state"
                self.is_live = True
                continue
            assert self.watches(message.aor)
            self.expected.discard(message.aor)
            if message.version == 0:
                self.has.pop(message.aor, None)
            else:
                assert message.version > self.has.get(message.aor, 0)
                self.has[message.aor] = message.version
        assert bool(messages) or self.subscriber.has_nothing
        self.woken = not self.subscriber.has_nothing
        return bool(messages)


@settings(max_examples=400)
@given(STEPS)
def test_in_any_order_each_subscriber_ends_with_the_newest_messages(
    steps: list[tuple[Any, ...]],
) -> None:
    hub = Hub()
    known: dict[str, int] = {}
    watching: list[Watching] = []
    for what, *values in steps:
        match what, values:
            case "subscribe", [Watch() as watch]:
                watching.append(Watching(hub, watch, known))
            case "unsubscribe", [int() as number] if watching:
                hub.unsubscribe(watching.pop(number % len(watching)).subscriber)
            case "change", [str() as aor, int() as version]:
                hub.change(record(aor, version))
                known[aor] = max(version, known.get(aor, 0))
            case "remove", [str() as aor]:
                hub.remove(removal_message(aor, 0.0))
                known.pop(aor, None)
                for one in watching:
                    one.expected.discard(aor)
            case "take", [int() as number, int() as most] if watching:
                watching[number % len(watching)].take(most)
    for one in watching:
        while one.take(5):
            pass
        assert one.is_live
        assert one.has == {aor: v for aor, v in known.items() if one.watches(aor)}
    assert hub.users == len(known)
