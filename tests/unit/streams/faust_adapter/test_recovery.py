"""Recovery of the tables from batches: what is written, when it ends, what a rebalance keeps."""

import asyncio
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import IllegalStateError
from faust.types import TP

from runtime.kafka import KafkaSettings
from schemas import topics
from schemas.topic import Topic
from streams.consumed import FetchedRecord
from streams.faust_adapter.app import StreamsApp, add_table, make_app
from streams.faust_adapter.consumer import BatchConsumer
from streams.faust_adapter.recovery import BatchRecovery
from streams.faust_adapter.store import PartitionedTable
from streams.settings import StreamsSettings
from streams.tables.packed_table import PackedTable

KAFKA = KafkaSettings(partitions=2)
ONE, OTHER = (TP(KAFKA.name(topics.SESSIONS), number) for number in range(2))
NODES = TP(KAFKA.name(topics.NODES), 0)


def record(offset: int, key: str, value: str | None) -> FetchedRecord:
    data = value.encode() if value is not None else None
    return FetchedRecord(0, offset, 0, key.encode(), data)


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture
def app(runner: asyncio.Runner, tmp_path: Path) -> StreamsApp:
    """Made with a loop at hand, which Faust takes for its own."""
    del runner
    return make_app(KAFKA, StreamsSettings(data_folder=str(tmp_path)))


@pytest.fixture
def table(app: StreamsApp) -> PartitionedTable:
    return add_table(app, KAFKA, topics.SESSIONS)


@pytest.fixture
def recovery(app: StreamsApp, table: PartitionedTable) -> BatchRecovery:
    """Recovering partition ONE, of which offsets 0..9 exist."""
    found: BatchRecovery = app.tables.recovery
    found.add_active(table, ONE)
    found._set_recovery_started()
    found.active_highwaters[ONE] = 9
    found.active_offsets[ONE] = -1
    return found


def test_records_are_written_in_order_and_deletions_are_followed(
    recovery: BatchRecovery, table: PartitionedTable
) -> None:
    recovery.restore(ONE, [record(0, "a", "1"), record(1, "b", "1"), record(2, "a", None)])
    recovery.restore(ONE, [record(3, "b", "2"), record(4, "c", None), record(6, "a", "3")])
    assert table.partition(0) == {b"a": b"3", b"b": b"2"}
    assert recovery.active_offsets[ONE] == 6


def test_records_known_already_are_not_written_again(
    recovery: BatchRecovery, table: PartitionedTable
) -> None:
    recovery.restore(ONE, [record(0, "a", "1"), record(1, "a", "2")])
    recovery.restore(ONE, [record(0, "a", "1")])
    recovery.restore(ONE, [record(0, "a", "1"), record(2, "b", "1")])
    assert table.partition(0) == {b"a": b"2", b"b": b"1"}


def test_a_partition_that_is_not_being_recovered_is_left_alone(
    recovery: BatchRecovery, table: PartitionedTable
) -> None:
    recovery.restore(OTHER, [record(0, "a", "1")])
    recovery._set_recovery_ended()
    recovery.restore(ONE, [record(0, "a", "1")])
    assert not table.partition(0)
    assert not table.partition(1)


def test_it_ends_when_all_is_read_though_the_last_offsets_have_no_records(
    recovery: BatchRecovery,
) -> None:
    recovery.restore(ONE, [record(0, "a", "1")])
    recovery.reached({ONE: 9})
    assert recovery.in_recovery
    recovery.reached({})
    assert recovery.in_recovery
    recovery.reached({ONE: 10})
    assert not recovery.in_recovery
    assert recovery.signal_recovery_end.is_set()


@pytest.mark.parametrize(
    ("member", "generation", "is_kept"),
    [("me", 5, True), ("me", 6, False), ("another", 5, False), ("", 5, False)],
)
def test_a_partition_is_kept_only_if_no_other_worker_can_have_had_it(
    runner: asyncio.Runner,
    app: StreamsApp,
    table: PartitionedTable,
    recovery: BatchRecovery,
    member: str,
    generation: int,
    is_kept: bool,
) -> None:
    """Faust sees the same assignment before and after."""
    recovery.restore(ONE, [record(0, "a", "1")])
    recovery.whole.add(ONE)
    app.tables._membership = ("me", 4)
    app.tables._channels[table] = table  # no topic to subscribe to
    app._consumer = SimpleNamespace(
        member_id=member, assignment=set, pause_partitions=lambda _: None
    )
    # Of Faust's recovery only what the manager does beforehand.
    app.consumer_generation_id = 99
    runner.run(app.tables.on_rebalance({ONE}, set(), set(), generation))
    assert (ONE in recovery.whole) == is_kept
    assert table.partition(0) == ({b"a": b"1"} if is_kept else {})
    assert (ONE in recovery.active_offsets) == is_kept


@pytest.mark.parametrize(
    ("earliest", "read_after", "is_kept"),
    [(0, 4, True), (5, 4, True), (6, 5, False)],
)
def test_it_reads_on_where_the_file_ends_if_that_is_still_there(
    runner: asyncio.Runner,
    table: PartitionedTable,
    recovery: BatchRecovery,
    earliest: int,
    read_after: int,
    is_kept: bool,
) -> None:
    class Consumer:
        async def earliest_offsets(self, *tps: TP) -> dict[TP, int]:
            return dict.fromkeys(tps, earliest)

    async def load(tp: TP, into: PackedTable, end: int) -> int:
        assert (tp, end) == (ONE, 10)
        into.adopt({b"a": b"{}"}, 7)
        return 5

    recovery.load = load
    offsets: Counter[TP] = Counter()
    runner.run(recovery._build_offsets(Consumer(), {ONE}, offsets, "active"))
    assert offsets == {ONE: read_after}
    assert bool(table.partition(0)) == is_kept
    # Interrupted by another rebalance, it goes on with what it has.
    offsets[ONE] = 7
    runner.run(recovery._build_offsets(Consumer(), {ONE}, offsets, "active"))
    assert offsets == {ONE: 7}


class _Thread:
    """A consumer thread; partitions are revoked while it seeks to the committed offsets."""

    taken_after = seeks = 0
    error: Exception = IllegalStateError("No current assignment for partition rollcall.nodes-0")

    async def seek_to_committed(self) -> dict[TP, int]:
        raise self.error

    async def getmany(self, *_: Any) -> dict[TP, list[FetchedRecord]]:
        return {NODES: [record(5, "a", "1")]}

    def highwater(self, _: TP) -> int:
        return 6


def consumer_on(app: StreamsApp, thread: _Thread) -> Any:
    consumer = app.consumer
    assert isinstance(consumer, BatchConsumer)
    consumer._thread.thread_loop.close()
    consumer._thread = thread
    return consumer


class _Receiver:
    """Notes the offsets of what it is given."""

    def __init__(self) -> None:
        self.offsets: list[int] = []

    def has_room(self, topic: Topic, number: int) -> bool:
        del topic, number
        return True

    def add(self, topic: Topic, number: int, records: list[FetchedRecord]) -> None:
        assert (topic, number) == (topics.NODES, 0)
        self.offsets += [record.offset for record in records]

    async def drain(self) -> None: ...


async def fetch(consumer: BatchConsumer) -> None:
    async for _ in consumer.getmany(0.1):
        raise AssertionError("nothing is left to Faust")


@pytest.mark.parametrize("error", [_Thread.error, AssertionError("No partitions are assigned")])
def test_a_revocation_while_it_seeks_back_delivers_nothing_until_the_rebalance_sought(
    runner: asyncio.Runner, app: StreamsApp, error: Exception
) -> None:
    receiver = _Receiver()
    app.read(KAFKA, [topics.NODES], receiver)
    consumer = consumer_on(app, _Thread())
    consumer._thread.error = error
    consumer._active_partitions = {NODES}
    consumer._sought_generation = app.consumer_generation_id = 3
    runner.run(fetch(consumer))
    assert receiver.offsets == [5]
    consumer._dropped = True
    runner.run(fetch(consumer))
    runner.run(fetch(consumer))
    assert receiver.offsets == [5]
    assert consumer._dropped


def test_what_was_taken_before_the_seek_is_not_restored(
    runner: asyncio.Runner, app: StreamsApp, table: PartitionedTable, recovery: BatchRecovery
) -> None:
    """A fetch may wait while a rebalance passes: its records are from an older position."""

    class Thread(_Thread):
        async def getmany(self, *_: Any) -> dict[TP, list[FetchedRecord]]:
            return {ONE: [record(5, "a", "1")]}

        def position(self, _: TP) -> int:
            return 10

    consumer = consumer_on(app, Thread())
    consumer._active_partitions = {ONE}
    consumer._thread.seeks = 1
    runner.run(fetch(consumer))
    assert not table.partition(0)
    assert recovery.in_recovery
    consumer._thread.taken_after = 1
    runner.run(fetch(consumer))
    assert table.partition(0) == {b"a": b"1"}
    assert not recovery.in_recovery


def test_partitions_are_given_up_when_nothing_is_folded_and_what_is_done_is_committed(
    runner: asyncio.Runner, app: StreamsApp
) -> None:
    class Receiver(_Receiver):
        async def drain(self) -> None:
            consumer.acknowledge(NODES, 7)

    async def commit(offsets: dict[TP, int]) -> bool:
        committed.append(offsets)
        return True

    committed: list[dict[TP, int]] = []
    app.read(KAFKA, [topics.NODES], Receiver())
    consumer = consumer_on(app, _Thread())
    consumer._commit, consumer._thread.assignment = commit, lambda: {NODES}
    app._producer = SimpleNamespace(flush=_nothing)
    runner.run(consumer.wait_empty())
    assert committed == [{NODES: 7}]
    runner.run(consumer.commit())  # nothing more is done
    consumer.commits_nothing = True
    consumer.acknowledge(NODES, 9)
    runner.run(consumer.commit())
    assert committed == [{NODES: 7}]


async def _nothing() -> None: ...
