"""When tables are saved: what is durable, one at a time, and none after the last."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from runtime.kafka import KafkaSettings, KafkaUnavailable
from schemas import topics
from streams.batches.partition import LockedTable, Partition
from streams.batches.partition_state import PartitionState
from streams.checkpointer import Checkpointer
from streams.consumed import TopicPartition
from streams.tables.checkpoints import Checkpoints
from streams.tables.packed_table import PackedTable
from streams.tables.packer import Packer

KAFKA = KafkaSettings()
TABLES = (topics.SESSIONS, topics.CONNECTION_STATE, topics.MEDIA_STATE)
CHANGELOG = TopicPartition("rollcall.sessions", 0)
OFTEN = timedelta(milliseconds=1)


class Worker:
    """Holds one partition; the changelogs of its tables end at 100, and only one table is used."""

    def __init__(self) -> None:
        self.recover()
        self.error: Exception | None = None

    def recover(self) -> None:
        """Make its tables anew, as a recovery does."""
        self.partition = Partition(
            0,
            PartitionState(0, {}, {}, timedelta(0)),
            *(LockedTable(topic, PackedTable(Packer())) for topic in TABLES),
        )
        self.partition.state.batch = 7
        self.table, self.lock = self.partition.sessions.table, self.partition.sessions.lock

    def assigned(self) -> list[int]:
        return [0]

    async def get(self, number: int) -> Partition:
        raise AssertionError(number)

    def current(self, number: int) -> Partition:
        assert number == 0
        return self.partition

    async def ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        assert [changelog.partition for changelog in changelogs] == [0, 0, 0]
        if self.error is not None:
            raise self.error
        return {changelog: 100 if changelog == CHANGELOG else 0 for changelog in changelogs}

    def checkpointer(self, files: Checkpoints, interval: timedelta = OFTEN) -> Checkpointer:
        return Checkpointer(self, self.ends, files, KAFKA, interval)


class Files(Checkpoints):
    """Notes what would be written; a write takes until the test lets it."""

    def __init__(self) -> None:
        self.saved: list[Mapping[bytes, bytes]] = []
        self.saved_to = 0
        self.writing = 0
        self.began, self.may_write = asyncio.Event(), asyncio.Event()
        self.may_write.set()

    def saved_until(self, tp: TopicPartition) -> int:
        return self.saved_to if tp == CHANGELOG else 0

    async def save(
        self,
        tp: TopicPartition,
        packed: tuple[bytes, Mapping[bytes, bytes]],
        offset: int,
        batch: int,
    ) -> None:
        assert (tp, offset, batch) == (CHANGELOG, 100, 7)
        assert not self.writing
        self.writing += 1
        self.began.set()
        await self.may_write.wait()
        self.writing -= 1
        self.saved.append(packed[1])


async def _turns() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def test_what_is_folded_and_not_durable_is_not_saved() -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        saver = worker.checkpointer(files)
        async with worker.lock:  # as a batch holds it until Kafka has acknowledged
            worker.table[b"a"] = b"{}"
            saving = asyncio.create_task(saver.save_all())
            await _turns()
            assert not files.saved
        await saving
        assert files.saved == [{b"a": b"{}"}]

    asyncio.run(check())


def test_a_partition_that_goes_meanwhile_is_not_saved() -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        async with worker.lock:
            saving = asyncio.create_task(worker.checkpointer(files).save_all())
            await _turns()
            worker.recover()
        await saving
        assert not files.saved

    asyncio.run(check())


def test_the_last_save_waits_for_the_one_under_way_and_is_the_last() -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        files.may_write.clear()
        saver = worker.checkpointer(files)
        running = asyncio.create_task(saver.run())
        await files.began.wait()
        last = asyncio.create_task(saver.save_all())
        await _turns()
        files.may_write.set()
        await last
        await asyncio.wait_for(running, 10)
        assert len(files.saved) == 2

    asyncio.run(check())


def test_what_is_saved_already_is_not_saved_again() -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        files.saved_to = 100
        await worker.checkpointer(files).save_all()
        assert not files.saved

    asyncio.run(check())


def test_a_stop_does_not_save_a_large_table_for_a_few_records() -> None:
    """The next start has read them again before the table could be written."""

    async def stop(entries: int, saved_to: int) -> int:
        worker, files = Worker(), Files()
        for number in range(entries):
            worker.table[b"%d" % number] = b"{}"
        files.saved_to = saved_to
        await worker.checkpointer(files).save_all()
        return len(files.saved)

    assert asyncio.run(stop(entries=400, saved_to=90)) == 0
    assert asyncio.run(stop(entries=400, saved_to=0)) == 1
    assert asyncio.run(stop(entries=30, saved_to=90)) == 1


def test_a_large_table_is_saved_once_in_a_while_all_the_same() -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        for number in range(400):
            worker.table[b"%d" % number] = b"{}"
        files.saved_to = 90
        running = asyncio.create_task(worker.checkpointer(files).run())
        await asyncio.wait_for(files.began.wait(), 10)
        running.cancel()

    asyncio.run(check())


@pytest.mark.parametrize("interval", [OFTEN, timedelta(0)])
def test_nothing_is_saved_without_kafka_or_with_interval_never(interval: timedelta) -> None:
    async def check() -> None:
        worker, files = Worker(), Files()
        worker.error = KafkaUnavailable("no broker")
        await worker.checkpointer(files, interval).save_all()
        assert not files.saved

    asyncio.run(check())
