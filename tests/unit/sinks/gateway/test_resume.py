"""Resuming by cursor at any gateway: only what is newer is sent, and no change is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import sinks.gateway.hub as hub_module
from schemas.codec import decode
from schemas.vocabulary import Status
from sinks.gateway.cursor import Cursor, cursor_in, epoch_of, tag_of
from sinks.gateway.errors import BadQuery
from sinks.gateway.facts import NO_FACTS, Facts
from sinks.gateway.hub import Hub
from sinks.gateway.message import Message, domain_of, place_of, removal_message
from sinks.gateway.progress import DAY, Resume
from sinks.gateway.recent import RecentChanges
from sinks.gateway.subscriber import Watch

ANN, BOB, EVE = "sip:ann@one.test", "sip:bob@one.test", "sip:eve@two.test"
AORS = (ANN, BOB, EVE, "sip:ann@two.test", "sip:joe@three.test")
EPOCH = epoch_of("the topic")
PARTITIONS = 2
NOW = 1_800_000_000.0


def number_of(aor: str) -> int:
    return AORS.index(aor) % PARTITIONS


@dataclass
class Topic:
    """(AOR, version) of each record, 0 for a removal, with its place."""

    records: list[tuple[str, int, int, int]] = field(default_factory=list)
    ends: list[int] = field(default_factory=lambda: [0] * PARTITIONS)

    def append(self, aor: str, version: int) -> None:
        number = number_of(aor)
        self.records.append((aor, version, number, self.ends[number]))
        self.ends[number] += 1

    def compacted(self) -> "Topic":
        """Only the last record of each user, as a gateway that starts later reads it."""
        last = {record[0]: record for record in self.records}
        return Topic([r for r in self.records if last[r[0]] == r], self.ends)

    @property
    def state(self) -> dict[str, int]:
        last = {record[0]: record[1] for record in self.records}
        return {aor: version for aor, version in last.items() if version}


class Replica:
    """A hub, and how much of the topic it has read."""

    def __init__(self, topic: Topic, recent: int = 1000, now: float = NOW) -> None:
        self.topic, self.read = topic, 0
        self.hub = Hub(lambda: now)
        self.hub._recent = RecentChanges(recent)
        self.hub.progress.begin(EPOCH, PARTITIONS, DAY)

    def apply(self, most: int = 1000) -> "Replica":
        for aor, version, number, offset in self.topic.records[self.read : self.read + most]:
            place = place_of(number, offset)
            if version:
                facts = REACHABLE if is_reachable(version) else NO_FACTS
                self.hub.change(Message(aor, version, b"", NOW, 0, facts, place))
            else:
                self.hub.remove(removal_message(aor, NOW, place))
            self.hub.advance({number: offset + 1})
            self.read += 1
        return self


REACHABLE = Facts(Status.ONLINE, True, ())


def is_reachable(version: int) -> bool:
    return version % 3 > 0


def no_wake() -> None:
    pass


class Client:
    """Keeps the users by the rules of docs/subscribing.md."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.users: dict[str, int] = {}
        self.cursor = ""
        self.fresh: dict[str, int] | None = None
        self.received: list[tuple[str, int]] = []

    def connect(self, hub: Hub) -> "Client":
        cursor = cursor_in(self.cursor) if self.cursor else None
        self.hub, self.fresh, self.received = hub, {}, []
        self.subscriber = hub.subscribe(self.watch, no_wake, cursor)
        return self

    def take(self, most: int = 1000) -> bool:
        messages = self.hub.take(self.subscriber, most)
        for message in messages:
            self.received.append((message.aor, message.version))
            if message.is_cursor:
                self._mark(decode(dict, message.value))
            else:
                self._apply(message.aor, message.version)
        return bool(messages)

    def _apply(self, aor: str, version: int) -> None:
        for users in (self.users, self.fresh):
            if users is not None:
                if version == 0:
                    users.pop(aor, None)
                elif version > users.get(aor, 0):
                    users[aor] = version

    def _mark(self, content: dict[str, Any]) -> None:
        if content["event"] == "live":
            if not content["resumed"] and self.fresh is not None:
                self.users = dict(self.fresh)
            self.fresh = None
        self.cursor = content["cursor"]

    def rewatch(self, add: list[str], remove: list[str]) -> None:
        """Users of watched domains stay; of the removed ones nothing is kept."""
        remove = [aor for aor in remove if not self.watch.has_in_group(aor)]
        self.hub.rewatch(self.subscriber, add, remove, None, 10)
        self.watch = self.subscriber.watch
        for users in (self.users, self.fresh or {}):
            for aor in remove:
                users.pop(aor, None)

    def drain(self) -> "Client":
        while self.take():
            pass
        return self


def content_of(client: Client) -> list[tuple[str, int]]:
    return [one for one in client.received if one[0]]


def topic_of(*records: tuple[str, int]) -> Topic:
    topic = Topic()
    for record in records:
        topic.append(*record)
    return topic


def test_only_what_is_newer_is_sent_and_live_says_so() -> None:
    topic = topic_of((ANN, 1), (BOB, 1), (EVE, 1))
    first, second = Replica(topic).apply(), Replica(topic)
    for watch in (Watch(), Watch(frozenset({ANN, BOB})), Watch(domains=frozenset({"one.test"}))):
        client = Client(watch).connect(first.hub).drain()
        topic.append(BOB, topic.state[BOB] + 1)
        client.connect(second.apply().hub).drain()
        assert content_of(client) == [(BOB, topic.state[BOB])]
        assert client.subscriber.resumed
        first.apply()
        client.connect(first.hub).drain()
        assert content_of(client) == []


def test_a_resume_sends_removals_before_a_user_that_begins_again() -> None:
    topic = topic_of((ANN, 9), (BOB, 1))
    replica = Replica(topic).apply()
    client = Client(Watch()).connect(replica.hub).drain()
    for record in ((ANN, 0), (BOB, 0), (ANN, 1)):
        topic.append(*record)
    client.connect(replica.apply().hub).drain()
    assert content_of(client) == [(ANN, 0), (BOB, 0), (ANN, 1)]
    assert client.users == {ANN: 1}


def test_a_gateway_that_starts_later_reads_removals_from_tombstones() -> None:
    topic = topic_of((ANN, 9), (BOB, 1))
    client = Client(Watch()).connect(Replica(topic).apply().hub).drain()
    topic.append(ANN, 0)
    client.connect(Replica(topic.compacted()).apply().hub).drain()
    assert client.subscriber.resumed
    assert (content_of(client), client.users) == ([(ANN, 0)], {BOB: 1})


def test_a_removal_during_a_long_resume_is_sent() -> None:
    topic = topic_of(*((aor, 1) for aor in AORS))
    replica = Replica(topic, recent=0).apply()
    client = Client(Watch()).connect(replica.hub).drain()
    for aor in AORS:
        topic.append(aor, 2)
    client.connect(replica.apply().hub).take(2)
    topic.append(AORS[-1], 0)
    replica.apply()
    assert client.drain().users == topic.state


def test_a_cursor_of_another_topic_or_of_yesterday_brings_the_whole_state() -> None:
    topic = topic_of((ANN, 1))
    progress = Replica(topic).apply().hub.progress
    minute = int(NOW) // 60
    good = Cursor(EPOCH, minute, (1, 0))
    assert progress.resume(good, "") is Resume.NOW
    assert progress.resume(Cursor(epoch_of("another"), minute, (1, 0)), "") is Resume.NEVER
    assert progress.resume(Cursor(EPOCH, minute - 24 * 60 - 1, (1, 0)), "") is Resume.NEVER
    assert progress.resume(Cursor(EPOCH, minute, (1, 0, 0)), "") is Resume.NEVER
    assert progress.resume(Cursor(EPOCH, minute, (2, 0)), "") is Resume.LATER
    assert progress.resume(Cursor(EPOCH, minute, (1,)), "") is Resume.NOW, "a partition was added"


def test_a_cursor_of_another_subscription_brings_the_whole_state() -> None:
    """It has not been sent what the other watches or shows."""
    hub = Replica(topic_of((ANN, 1), (EVE, 1))).apply().hub
    one = Watch(frozenset({ANN, BOB}))
    cursor = cursor_in(hub.progress.cursor(hub.subscribe(one, no_wake, view="a").tag))
    for watch, view, resumed in (
        (Watch(frozenset({BOB, ANN})), "a", True),
        (one, "a,b", False),
        (Watch(frozenset({ANN, BOB, EVE})), "a", False),
        (Watch(domains=frozenset({"one.test"})), "a", False),
        (Watch(), "a", False),
    ):
        assert hub.subscribe(watch, no_wake, cursor, view=view).resumed is resumed


def test_removals_are_forgotten_only_when_no_cursor_can_need_them() -> None:
    now = NOW
    hub = Hub(lambda: now)
    hub.progress.begin(EPOCH, PARTITIONS, timedelta(hours=1))
    hub.change(Message(ANN, 1, b"", NOW, 0, place=place_of(0, 0)))
    hub.remove(removal_message(ANN, NOW, place_of(0, 1)))
    cursor = Cursor(EPOCH, int(NOW) // 60, (1, 0), tag_of([], ""))
    now = NOW + 3599
    hub.advance({0: 2})
    found = hub.take(hub.subscribe(Watch(), no_wake, cursor), 10)
    assert [message.aor for message in found] == [ANN, ""]
    now = NOW + 3700
    assert hub.progress.resume(cursor, cursor.tag) is Resume.NEVER
    now = NOW + 4201
    hub.advance({0: 3})
    assert len(hub._removals) == 0


def test_a_cursor_does_not_overtake_what_waits() -> None:
    topic = topic_of()
    replica = Replica(topic).apply()
    client = Client(Watch()).connect(replica.hub).drain()
    for record in ((ANN, 1), (BOB, 1)):
        topic.append(*record)
    replica.apply()
    replica.hub.mark(client.subscriber)
    for record in ((ANN, 2), (EVE, 1)):
        topic.append(*record)
    replica.apply()
    replica.hub.mark(client.subscriber)
    client.take(2)
    assert client.received[-2:] == [(ANN, 2), (BOB, 1)]
    client.take(2)
    assert client.received[-2:] == [("", 0), (EVE, 1)]
    found = cursor_in(client.cursor)
    assert found is not None
    assert sum(found.offsets) == 2


def test_users_that_changed_are_found_without_a_walk_through_the_domain(
    monkeypatch: Any,
) -> None:
    topic = topic_of(*((aor, 1) for aor in AORS))
    replica = Replica(topic).apply()
    client = Client(Watch()).connect(replica.hub).drain()
    topic.append(EVE, 2)
    replica.apply()
    monkeypatch.setattr(hub_module, "Listing", None)
    assert content_of(client.connect(replica.hub).drain()) == [(EVE, 2)]


def test_a_user_who_is_reachable_no_more_leaves_a_subscription_to_reachable_ones() -> None:
    topic = topic_of((ANN, 1), (BOB, 3), (EVE, 1))
    replica = Replica(topic).apply()
    for watch in (
        Watch(only_reachable=True),
        Watch(frozenset({ANN, BOB, EVE}), only_reachable=True),
    ):
        client = Client(watch).connect(replica.hub).drain()
        assert client.users == {aor: v for aor, v in topic.state.items() if is_reachable(v)}
        before = client.cursor
        version = topic.state[EVE] // 3 * 3 + 3
        topic.append(EVE, version)
        topic.append(BOB, topic.state[BOB] + 3)
        replica.apply()
        last = client.hub.take(client.subscriber, 10)
        assert [message.text for message in last] == [
            f'{{"event":"removed","aor":"{EVE}","reason":"unreachable"}}'
        ], "and nothing of BOB, who was not reachable before"
        client.cursor = before
        assert EVE not in client.connect(replica.hub).drain().users
        assert client.subscriber.resumed
        topic.append(EVE, version + 1)
        assert client.connect(replica.apply().hub).drain().users[EVE] == version + 1


def test_users_are_added_with_their_state_and_removed_at_once() -> None:
    topic = topic_of((ANN, 1), (BOB, 1), (EVE, 1))
    replica = Replica(topic).apply()
    client = Client(Watch(frozenset({ANN}), only_named=True)).connect(replica.hub).drain()
    change = replica.hub.rewatch(client.subscriber, [BOB, ANN, EVE], [], None, 3)
    assert (change.added, change.removed, change.resumed) == (2, 0, False)
    assert client.drain().users == topic.state
    topic.append(BOB, 2)
    replica.apply().hub.rewatch(client.subscriber, [], [BOB, AORS[3]], None, 3)
    topic.append(BOB, 4)
    replica.apply()
    assert not client.take()
    assert client.subscriber.watch.aors == {ANN, EVE}
    replica.hub.rewatch(client.subscriber, [], [ANN, EVE], None, 3)
    topic.append(ANN, 2)
    replica.apply()
    assert not client.take(), "nobody is watched, not everybody"
    replica.hub.unsubscribe(client.subscriber)
    assert replica.hub.watchers.is_empty


def test_users_are_added_since_a_cursor() -> None:
    topic = topic_of((ANN, 1), (BOB, 1))
    replica = Replica(topic).apply()
    first = Client(Watch(frozenset({ANN, BOB}))).connect(replica.hub).drain()
    cursor = cursor_in(first.cursor)
    topic.append(BOB, 2)
    client = Client(Watch(only_named=True)).connect(replica.apply().hub).drain()
    assert replica.hub.rewatch(client.subscriber, [ANN, BOB], [], cursor, 9).resumed
    assert content_of(client.drain()) == [(BOB, 2)]
    narrow = replica.hub.subscribe(Watch(only_named=True), no_wake, view="status")
    assert not replica.hub.rewatch(narrow, [ANN], [], cursor, 9).resumed, "it has seen other fields"


def test_what_cannot_be_added_or_removed_changes_nothing() -> None:
    hub = Replica(topic_of((ANN, 1), (BOB, 1))).apply().hub
    watch = Watch(frozenset({EVE}), frozenset({"one.test"}))
    subscriber = hub.subscribe(watch, no_wake)
    for add, remove, field_ in (([], [EVE, ANN], "remove[1]"), ([AORS[3], AORS[4]], [], "add")):
        with pytest.raises(BadQuery) as caught:
            hub.rewatch(subscriber, add, remove, None, 2)
        assert caught.value.field == field_
        assert subscriber.watch == watch
    assert hub.rewatch(subscriber, [ANN], [], None, 2).added == 0, "its domain is watched"


WATCHES = st.builds(
    Watch,
    st.frozensets(st.sampled_from(AORS), max_size=3),
    st.frozensets(st.sampled_from(("one.test", "two.test")), max_size=2),
    st.booleans(),
    st.booleans(),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.sampled_from(AORS), st.booleans()),
        st.tuples(st.just("apply"), st.integers(0, 2), st.integers(1, 4)),
        st.tuples(st.just("connect"), st.integers(0, 2)),
        st.tuples(st.just("take"), st.integers(2, 4)),
        st.tuples(st.just("mark")),
        st.tuples(
            st.just("rewatch"), st.sets(st.sampled_from(AORS)), st.sets(st.sampled_from(AORS))
        ),
        st.tuples(st.just("restart"), st.integers(0, 2)),
    ),
    max_size=60,
)


@settings(max_examples=600)
@given(WATCHES, st.sampled_from((0, 1, 2, 1000)), STEPS)
def test_a_client_that_moves_between_gateways_ends_with_the_present_state(
    watch: Watch, recent: int, steps: list[tuple[Any, ...]]
) -> None:
    topic = Topic()
    replicas = [Replica(topic, recent) for _ in range(3)]
    client = Client(watch).connect(replicas[0].hub)
    versions: dict[str, int] = {}
    for what, *values in steps:
        match what, values:
            case "append", [str() as aor, bool() as removed]:
                versions[aor] = 0 if removed else versions.get(aor, 0) + 1
                topic.append(aor, versions[aor])
            case "apply", [int() as number, int() as most]:
                replicas[number].apply(most)
            case "connect", [int() as number]:
                client.hub.unsubscribe(client.subscriber)
                client.connect(replicas[number].hub)
            case "take", [int() as most]:
                client.take(most)
            case "rewatch", [set() as add, set() as remove] if client.watch.only_named:
                client.rewatch(sorted(add - remove), sorted(remove))
            case "mark", []:
                client.hub.mark(client.subscriber)
            case "restart", [int() as number] if replicas[number].hub is not client.hub:
                replicas[number] = started = Replica(topic.compacted(), recent).apply()
                started.topic, started.read = topic, len(topic.records)
    for replica in replicas:
        replica.apply()
    client.drain()
    watched = all_of(client.watch)
    assert client.users == {aor: v for aor, v in topic.state.items() if watched(aor, v)}


def all_of(watch: Watch) -> Callable[[str, int], bool]:
    def watched(aor: str, version: int) -> bool:
        everybody = not watch.aors and not watch.domains and not watch.only_named
        named = everybody or aor in watch.aors or domain_of(aor) in watch.domains
        return named and (is_reachable(version) or not watch.only_reachable)

    return watched
