"""Which partition a key belongs into, and that nothing is folded in another."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from runtime.partition_counts import PartitionCounts, WrongPartitionCounts
from runtime.partitioner import partition_of
from schemas import codec, topics
from schemas.internal import CallOwner
from schemas.node import NodeEvent
from schemas.vocabulary import NodeKind, Source
from streams.batches.join_batch import MEDIA, JoinBatch
from streams.batches.leases import Leases
from streams.batches.node_batch import NodeCopier
from streams.batches.partition_state import PartitionState
from streams.batches.session_batch import SessionBatch
from streams.consumed import TopicPartition
from streams.flow.partition_guard import PartitionGuard
from tests.unit.fold_events import AOR, listing_ended, moment, refreshed, registered
from tests.unit.pipeline import NOW, Consumed
from tests.unit.runtime.test_partition_counts import KAFKA, TopicCounts

RIGHT = partition_of(AOR.encode(), 4)
WRONG = (RIGHT + 1) % 4


def _fold(number: int, *events: Any) -> SessionBatch:
    known = PartitionState(number, {}, {}, timedelta(seconds=35), partitions=4)
    batch = SessionBatch(known, NOW)
    records = [Consumed(AOR.encode(), codec.encode(event)) for event in events]
    batch.fold(topics.REGISTRATIONS, records)
    batch.finish()
    return batch


def test_an_event_is_folded_only_where_its_key_belongs() -> None:
    sound = _fold(RIGHT, registered(1), refreshed(2))
    assert not sound.misplaced
    assert len(sound.output.effects.presence) == 1
    struck = _fold(WRONG, registered(1), refreshed(2))
    assert struck.misplaced
    assert {record.topic for record in struck.output.effects.state} == {topics.DEAD_LETTERS}
    assert struck.output.effects.presence == []


def test_marks_of_a_node_stand_in_every_partition_and_those_of_a_user_in_one() -> None:
    whole = listing_ended(3, "one")
    whole.aor = None
    for number in range(4):
        assert not _fold(number, whole).misplaced
    assert not _fold(RIGHT, listing_ended(3, "one")).misplaced
    assert _fold(WRONG, listing_ended(3, "one")).misplaced


def test_joins_and_nodes_are_folded_only_where_their_keys_belong() -> None:
    owner = CallOwner(
        id="one",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot-a",
        seq=1,
        at=moment(1),
        call_id="one@phone",
        aor=AOR,
        leg="leg-1",
    )
    beat = NodeEvent(
        id="beat",
        source=Source.FREESWITCH,
        node="fs1",
        boot="boot-a",
        seq=1,
        at=moment(1),
        kind=NodeKind.UP,
    )
    for number in range(4):
        table: dict[bytes, bytes] = {}
        join = JoinBatch(MEDIA, number, table, NOW, 4)
        join.fold(topics.CALL_OWNERS, [Consumed(b"one@phone", codec.encode(owner))])
        join.finish()
        placed = number == partition_of(b"one@phone", 4)
        assert (join.misplaced, bool(table)) == (not placed, placed)

        copier = NodeCopier(4, timedelta(seconds=5), Leases(timedelta(5), timedelta(300)))
        batch = copier.copy(number, [Consumed(b"fs1", codec.encode(beat))], NOW)
        placed = number == partition_of(b"fs1", 4)
        assert batch.misplaced != placed
        assert [r.topic for r in batch.effects.joins] == (
            [topics.NODE_CHANGES] * 4 if placed else [topics.DEAD_LETTERS]
        )


def _guard(cluster: TopicCounts, interval: float = 60) -> PartitionGuard:
    sources = ["rollcall.registrations", "rollcall.calls"]
    return PartitionGuard(PartitionCounts(KAFKA, cluster.list_topics), 4, sources, interval)


def test_a_batch_out_of_place_stops_the_worker_only_where_topics_were_widened() -> None:
    right, wide = TopicCounts(), TopicCounts(calls=8)
    asyncio.run(_guard(right).check_batch(3))
    assert right.checks == 0  # nothing is asked for a batch that is in its place
    asyncio.run(_guard(right).check_batch(3, misplaced=True))
    with pytest.raises(WrongPartitionCounts, match=r"rollcall\.calls has 8"):
        asyncio.run(_guard(wide).check_batch(3, misplaced=True))
    with pytest.raises(WrongPartitionCounts):
        asyncio.run(_guard(right).check_batch(4))


def test_an_assignment_stops_the_worker_only_where_topics_were_widened() -> None:
    together = [
        TopicPartition(f"rollcall.{name}", n) for name in ("registrations", "calls") for n in (1, 3)
    ]
    apart = [
        *together[:2],
        TopicPartition("rollcall.calls", 2),
        TopicPartition("rollcall.sessions", 1),
    ]
    right, wide = TopicCounts(), TopicCounts(registrations=6)
    asyncio.run(_guard(right).check_assignment(together))
    asyncio.run(_guard(right).check_assignment([]))
    assert right.checks == 0
    asyncio.run(_guard(right).check_assignment(apart))
    for assigned in (
        apart,
        [TopicPartition(f"rollcall.{n}", 5) for n in ("registrations", "calls")],
    ):
        with pytest.raises(WrongPartitionCounts, match=r"rollcall\.registrations has 6"):
            asyncio.run(_guard(wide).check_assignment(assigned))


def test_the_counts_are_checked_periodically(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.flow.partition_guard._TRY_AGAIN_SECONDS", 0.001)
    cluster = TopicCounts()
    cluster.away = 2

    cluster.widened_after = 6
    with pytest.raises(WrongPartitionCounts, match=r"rollcall\.media has 5"):
        asyncio.run(asyncio.wait_for(_guard(cluster, interval=0.001).run(), 20))
