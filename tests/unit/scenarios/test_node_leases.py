"""Leases of nodes: a lost node's users are out of reach at once, and back as they were."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from runtime.kafka import KafkaSettings
from runtime.partition_counts import PartitionCounts
from schemas import codec, topics
from schemas.node import NodeEvent
from schemas.topic import Topic
from schemas.vocabulary import CallKind, NodeKind, Source, Transport
from streams.batches.effects import Effects
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.batches.partition import LockedTable, Partition
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.batches.sweep import PIECE
from streams.flow.partition_guard import PartitionGuard
from streams.node_runner import NodeRunner
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer
from streams.timekeeper import Timekeeper
from tests.unit.fold_events import (
    AOR,
    call,
    listed,
    listing_ended,
    moment,
    registered,
    unregistered,
)
from tests.unit.pipeline import NOW, Consumed, Pipeline

SECOND = timedelta(seconds=1)


def node_event(kind: NodeKind, at: float, node: str = "fs1", boot: str = "boot-a") -> NodeEvent:
    return NodeEvent(
        id=f"{node}/{boot}/{kind}/{at}",
        source=Source.FREESWITCH,
        node=node,
        boot=boot,
        seq=round(at),
        at=moment(at),
        kind=kind,
    )


def _feed_node(pipeline: Pipeline, kind: NodeKind, at: float, **which: str) -> None:
    event = node_event(kind, at, **which)
    pipeline.feed(topics.NODES, [(event.node, event)])


def _feed(pipeline: Pipeline, *events: Any) -> None:
    pipeline.feed(topics.REGISTRATIONS, [(AOR, event) for event in events])


def test_silent_node_is_lost_and_restored_unchanged() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1))
    pipeline.wait(4 * SECOND)
    assert pipeline.changes("1001") == ["online registered"]
    pipeline.wait(2 * SECOND)
    pipeline.wait(2 * SECOND)  # it is published once
    assert pipeline.changes("1001") == ["online registered", "offline node-lost"]
    _feed_node(pipeline, NodeKind.HEARTBEAT, 9)
    assert pipeline.changes("1001")[2:] == ["online node-restored"]
    assert pipeline.published[-1].bindings == pipeline.published[0].bindings


def test_users_of_another_node_do_not_change() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed_node(pipeline, NodeKind.UP, 0, node="fs2")
    _feed(pipeline, registered(1), registered(1, node="fs2", port=5062))
    pipeline.wait(4 * SECOND)
    _feed_node(pipeline, NodeKind.HEARTBEAT, 4, node="fs2")
    pipeline.wait(3 * SECOND)
    assert pipeline.changes("1001")[2:] == ["online node-lost"]
    assert pipeline.online() == {"1001": [5062]}


def test_the_next_process_takes_what_it_confirms_and_ends_the_rest() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    udp = Transport.UDP
    _feed(pipeline, registered(1), registered(2, port=5070, transport=udp))
    pipeline.wait(6 * SECOND)
    _feed_node(pipeline, NodeKind.UP, 20, boot="boot-b")
    assert pipeline.online() == {}
    row = listed(1, "s", at=21, boot="boot-b", port=5070, transport=udp)
    _feed(pipeline, row, listing_ended(2, "s", at=21, boot="boot-b"))
    assert pipeline.changes("1001")[2:] == ["offline node-lost", "online found-in-snapshot"]
    assert pipeline.online() == {"1001": [5070]}


def test_binding_reported_by_the_lost_node_is_reachable_and_older_ones_wait() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1))
    pipeline.wait(6 * SECOND)
    _feed(pipeline, registered(2, port=5062))
    assert pipeline.online() == {"1001": [5062]}
    _feed_node(pipeline, NodeKind.HEARTBEAT, 9)
    assert pipeline.online() == {"1001": [5061, 5062]}


def test_binding_that_ended_while_the_node_was_lost_is_not_restored() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1, expires_at=moment(60)), registered(2, port=5062))
    pipeline.wait(6 * SECOND)
    _feed(pipeline, unregistered(3, port=5062))  # from its producer's spool
    pipeline.wait(timedelta(minutes=5))  # a lost node's time goes on: the other one expires
    _feed_node(pipeline, NodeKind.HEARTBEAT, 300)
    assert pipeline.changes("1001")[2:] == ["offline node-lost"]
    assert pipeline.online() == {}


def test_calls_of_a_lost_node_are_hidden_and_restored() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1), registered(1, node="fs2", port=5062))
    pipeline.feed(topics.CALLS, [(AOR, call(CallKind.ANSWERED, 3))])
    pipeline.wait(6 * SECOND)
    assert pipeline.changes("1001")[-1] == "online node-lost"
    assert pipeline.published[-1].calls == []
    _feed_node(pipeline, NodeKind.HEARTBEAT, 9)
    assert pipeline.changes("1001")[-1] == "on-the-phone node-restored"


def test_a_stopped_producers_node_has_the_longer_lease() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1))
    _feed_node(pipeline, NodeKind.UNWATCHED, 1)
    pipeline.wait(timedelta(minutes=4))
    assert pipeline.changes("1001") == ["online registered"]
    pipeline.wait(timedelta(minutes=2))
    assert pipeline.changes("1001")[1:] == ["offline node-lost"]


def test_users_of_a_node_that_stays_uncertain_are_marked_until_a_listing_comes() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1))
    _feed_node(pipeline, NodeKind.GAP, 2)
    _feed_node(pipeline, NodeKind.HEARTBEAT, 3)
    pipeline.wait(4 * SECOND)
    assert pipeline.changes("1001") == ["online registered"]
    _feed(pipeline, registered(4, port=5062))  # after the gap: certain
    for number in range(4):  # it lives, but no listing comes
        _feed_node(pipeline, NodeKind.HEARTBEAT, 6 + 2 * number)
        pipeline.wait(2 * SECOND)
    assert pipeline.changes("1001")[2:] == ["online node-uncertain"]
    assert [b.stale for b in pipeline.published[-1].bindings] == [True, False]
    whole = listing_ended(5, "s", at=14)
    whole.aor = None
    _feed(pipeline, listed(5, "s", at=14), listed(5, "s", at=14, port=5062), whole)
    assert pipeline.changes("1001")[3:] == ["online found-in-snapshot"]
    assert [b.stale for b in pipeline.published[-1].bindings] == [False, False]


def test_gap_followed_by_a_listing_is_not_published() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    _feed(pipeline, registered(1))
    _feed_node(pipeline, NodeKind.GAP, 2)
    whole = listing_ended(5, "s", at=3)
    whole.aor = None  # of the node, not of one user
    _feed(pipeline, listed(5, "s", at=3), whole)
    for number in range(8):
        _feed_node(pipeline, NodeKind.HEARTBEAT, 4 + 2 * number)
        pipeline.wait(2 * SECOND)
    assert pipeline.changes("1001") == ["online registered"]


def test_node_that_reported_its_shutdown_is_not_lost() -> None:
    leases = Leases(5 * SECOND, 300 * SECOND)
    leases.renew(0, node_event(NodeKind.UP, 0), NOW)
    leases.renew(0, node_event(NodeKind.DOWN, 1), NOW)
    assert leases.expire(NOW + timedelta(days=1)) == []


def test_leases_are_suspended_while_kafka_is_unreachable() -> None:
    leases = Leases(5 * SECOND, 300 * SECOND)
    leases.renew(0, node_event(NodeKind.UP, 0), NOW)
    leases.suspend(NOW + 60 * SECOND)
    assert leases.expire(NOW + 61 * SECOND) == []
    (lost,) = leases.expire(NOW + 66 * SECOND)
    assert (lost.node, lost.at) == ("fs1", moment(0))


def test_nodes_of_a_partition_that_was_given_away_are_not_lost() -> None:
    leases = Leases(5 * SECOND, 300 * SECOND)
    leases.renew(0, node_event(NodeKind.UP, 0), NOW)
    leases.retain([1])
    assert leases.expire(NOW + 60 * SECOND) == []


def test_a_worker_that_takes_over_gives_known_nodes_a_whole_lease() -> None:
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    leases = Leases(5 * SECOND, 300 * SECOND)
    leases.begin(0, pipeline.state.nodes.items(), NOW)
    assert leases.expire(NOW + 4 * SECOND) == []
    assert [lease.node for lease in leases.expire(NOW + 6 * SECOND)] == ["fs1"]
    assert leases.renew(0, node_event(NodeKind.HEARTBEAT, 9), NOW + 7 * SECOND)


def _crowd(size: int) -> PartitionState:
    """Users registered on fs1, one binding each."""
    pipeline = Pipeline()
    _feed_node(pipeline, NodeKind.UP, 0)
    events = [(f"sip:u{n}@example.test", registered(n + 1, port=5061)) for n in range(size)]
    for aor, event in events:
        event.aor = aor
    pipeline.feed(topics.REGISTRATIONS, events)
    return pipeline.state


def test_a_lost_nodes_users_are_swept_in_pieces_and_at_once_when_touched() -> None:
    state = _crowd(PIECE + 10)
    batch = SessionBatch(state, NOW)
    lost = topics.NODE_CHANGES.model(
        id="lost", kind=NodeKind.LOST, node="fs1", boot="boot-a", at=moment(1e6)
    )
    batch.fold(topics.NODE_CHANGES, [Consumed(b"fs1", codec.encode(lost))])
    assert len(batch.finish().presence) == PIECE
    last = f"sip:u{PIECE + 9}@example.test"
    touched = unregistered(10**6, at=10**6)
    touched.aor = last
    batch = SessionBatch(state, NOW)
    batch.fold(topics.REGISTRATIONS, [Consumed(last.encode(), codec.encode(touched))])
    published = [
        codec.decode(topics.PRESENCE.model, r.value or b"") for r in batch.finish().presence
    ]
    assert len(published) == 10
    assert [p.cause for p in published if p.aor == last] == ["node-lost"]
    assert not state.sweeps


class _Counted(dict[bytes, bytes]):
    """A table that counts how often each value is read and written."""

    def __init__(self, values: dict[bytes, bytes]) -> None:
        super().__init__(values)
        self.read: Counter[bytes] = Counter()
        self.written: Counter[bytes] = Counter()

    def get(self, key: bytes, default: Any = None) -> Any:
        self.read[key] += 1
        return super().get(key, default)

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self.written[key] += 1
        super().__setitem__(key, value)


def test_a_lost_nodes_users_are_each_read_and_written_once_and_others_pass_between() -> None:
    """Also where the loss is followed by a second sweep before the first has ended."""
    state = _crowd(3 * PIECE)
    swept = dict(state.sessions)
    table = state.sessions = _Counted(swept)
    lost, down = (
        topics.NODE_CHANGES.model(id=kind, kind=kind, node="fs1", boot="boot-a", at=moment(1e6))
        for kind in (NodeKind.LOST, NodeKind.DOWN)
    )
    batch = SessionBatch(state, NOW)
    batch.fold(topics.NODE_CHANGES, [Consumed(b"fs1", codec.encode(one)) for one in (lost, down)])
    changed, number = [record.key for record in batch.finish().presence], 0
    while state.sweeps:
        other = registered(number := number + 1, node="fs2")
        other.aor = f"sip:other{number}@example.test"
        batch = SessionBatch(state, NOW)
        event = Consumed(other.aor.encode(), codec.encode(other))
        batch.fold(topics.REGISTRATIONS, [event])
        published = [record.key for record in batch.finish().presence]
        assert published[0] == event.key, "before the next piece of the sweep"
        changed += published[1:]
    assert number >= 2
    assert sorted(changed) == sorted(swept)
    assert {table.read[key] for key in swept} == {table.written[key] for key in swept} == {1}


def test_return_during_a_sweep_restores_every_user() -> None:
    state = _crowd(PIECE + 10)
    for number, kind in enumerate((NodeKind.LOST, NodeKind.HEARTBEAT)):
        change = topics.NODE_CHANGES.model(
            id=str(kind), kind=kind, node="fs1", boot="boot-a", at=moment(1e6 + number)
        )
        batch = SessionBatch(state, NOW)
        batch.fold(topics.NODE_CHANGES, [Consumed(b"fs1", codec.encode(change))])
        batch.finish()
    while state.sweeps:
        SessionBatch(state, NOW).finish()
    sessions = [codec.decode(topics.SESSIONS.model, value) for value in state.sessions.values()]
    assert all(session.reachable for session in sessions)
    assert len(sessions) == PIECE + 10


class _Node:
    """What Kafka has of one partition whose only node is fs1."""

    def __init__(self, state: PartitionState) -> None:
        self.state = state
        self.kept: dict[bytes, bytes] = {}

    def begin(self, kind: NodeKind, at: float) -> None:
        """Fold a change, and of the sweep that it begins the first piece."""
        change = topics.NODE_CHANGES.model(
            id=f"{kind} {at}", kind=kind, node="fs1", boot="boot-a", at=moment(at)
        )
        batch = SessionBatch(self.state, NOW)
        batch.fold(topics.NODE_CHANGES, [Consumed(b"fs1", codec.encode(change))])
        self._keep(batch.finish())

    def end(self) -> None:
        while self.state.sweeps:
            self._keep(SessionBatch(self.state, NOW).finish())

    def crash(self) -> None:
        """What Kafka has is left."""
        self.state = PartitionState(0, self.state.sessions, self.kept, self.state.slack)
        self.state.index.begin()

    def reachable(self) -> set[bool]:
        values = self.state.sessions.values()
        return {codec.decode(topics.SESSIONS.model, value).reachable for value in values}

    def _keep(self, effects: Effects) -> None:
        records = effects.state + effects.sweep_completions
        nodes = [record for record in records if record.topic is topics.NODE_STATE]
        self.kept.update({record.key: record.value or b"" for record in nodes})


@pytest.mark.parametrize("is_between", [False, True])
@pytest.mark.parametrize(
    ("kinds", "reachable"),
    [
        ([NodeKind.LOST], False),
        ([NodeKind.LOST, NodeKind.HEARTBEAT], True),
        ([NodeKind.LOST, NodeKind.HEARTBEAT, NodeKind.LOST], False),
        ([NodeKind.DOWN], False),
    ],
)
def test_crash_during_a_sweep_reaches_every_user(
    kinds: list[NodeKind], reachable: bool, is_between: bool
) -> None:
    """The change is read again then, for it is acknowledged when its sweep has ended.

    `is_between`: the last change comes in the middle of the sweep of the one before.
    """
    node = _Node(_crowd(PIECE + 10))
    node.begin(NodeKind.UP, 0.5)
    node.end()
    times = [1e6 + number for number in range(len(kinds))]
    for kind, at in zip(kinds, times, strict=True):
        if not is_between:
            node.end()
        node.begin(kind, at)
    assert node.state.sweeps
    node.crash()
    # What is not acknowledged: the last change, or all whose sweep has not ended.
    again = -len(kinds) if is_between else -1
    for kind, at in list(zip(kinds, times, strict=True))[again:]:
        node.begin(kind, at)
    node.end()
    assert node.reachable() == {reachable}


class _Worker:
    """One that has one partition, and may not have read its node events yet."""

    def __init__(self) -> None:
        self.unread: list[int] = []
        self.lost: list[str] = []
        state = PartitionState(0, {}, {}, timedelta(seconds=35))
        tables = (topics.SESSIONS, topics.CONNECTION_STATE, topics.MEDIA_STATE)
        self._partition = Partition(
            0, state, *(LockedTable(topic, PackedTable(Packer())) for topic in tables)
        )

    def assigned(self) -> list[int]:
        return [0]

    async def get(self, number: int) -> Partition:
        assert number == 0
        return self._partition

    def current(self, number: int) -> Partition | None:
        raise AssertionError(number)

    def kafka_silence(self) -> float:
        return 0.0

    def has_unread(self, topic: Topic, number: int, read: int) -> bool:
        assert (topic, read) == (topics.NODES, 0)
        return number in self.unread

    async def deliver(self, effects: Effects) -> None:
        self.lost += [record.key.decode() for record in effects.joins]


def test_worker_with_unread_heartbeats_loses_no_node() -> None:
    """Its heartbeats are in Kafka, and not read: the node is not lost."""
    worker, now = _Worker(), NOW
    leases = Leases(5 * SECOND, 300 * SECOND)
    copier = NodeCopier(1, 5 * SECOND, leases)
    counts = PartitionCounts(KafkaSettings(), lambda _: None)
    guard = PartitionGuard(counts, 1, [], 60.0)
    nodes = NodeRunner(worker, worker, guard, copier, worker.deliver, lambda: now)

    async def fold_due(number: int) -> None:
        raise AssertionError(number)

    timekeeper = Timekeeper(worker, fold_due, nodes.check_leases, lambda: now)
    asyncio.run(timekeeper.tick())
    leases.renew(0, node_event(NodeKind.UP, 0), now)
    worker.unread = [0]
    now += 60 * SECOND
    asyncio.run(timekeeper.tick())
    assert worker.lost == []
    worker.unread = []
    now += 4 * SECOND
    asyncio.run(timekeeper.tick())
    assert worker.lost == []
    now += 2 * SECOND
    asyncio.run(timekeeper.tick())
    assert worker.lost == ["fs1"]
