"""When tables are saved: what is durable, one at a time, and none after the last."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest

from runtime.kafka import KafkaUnavailable
from streams.consumed import TopicPartition
from streams.tables.checkpointer import Held, Saver
from streams.tables.checkpoints import SavedTables
from streams.tables.packed_table import PackedTable, Packer

CHANGELOG = TopicPartition("rollcall.sessions", 0)
OFTEN = timedelta(milliseconds=1)


class Worker:
    """Holds one table of one partition; the changelog ends at 100."""

    def __init__(self) -> None:
        self.table = PackedTable(Packer())
        self.lock = asyncio.Lock()
        self.is_held = True
        self.error: Exception | None = None

    def held(self, number: int) -> list[Held]:
        assert number == 0
        return [Held(CHANGELOG, self.table, self.lock)] if self.is_held else []

    def last_batch(self, number: int) -> int:
        return number + 7

    async def ends(self, changelogs: list[TopicPartition]) -> dict[TopicPartition, int]:
        if self.error is not None:
            raise self.error
        return dict.fromkeys(changelogs, 100)


class Files(SavedTables):
    """Notes what would be written; a write takes until the test lets it."""

    def __init__(self) -> None:
        self.saved: list[Mapping[bytes, bytes]] = []
        self.saved_to = 0
        self.writing = 0
        self.began, self.may_write = asyncio.Event(), asyncio.Event()
        self.may_write.set()

    def saved_up_to(self, tp: TopicPartition) -> int:
        assert tp == CHANGELOG
        return self.saved_to

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
    async def story() -> None:
        worker, files = Worker(), Files()
        saver = Saver(worker, lambda: [0], files, OFTEN)
        async with worker.lock:  # as a batch holds it until Kafka has acknowledged
            worker.table[b"a"] = b"{}"
            saving = asyncio.create_task(saver.save_all())
            await _turns()
            assert not files.saved
        await saving
        assert files.saved == [{b"a": b"{}"}]

    asyncio.run(story())


def test_a_partition_that_goes_meanwhile_is_not_saved() -> None:
    async def story() -> None:
        worker, files = Worker(), Files()
        async with worker.lock:
            saving = asyncio.create_task(Saver(worker, lambda: [0], files, OFTEN).save_all())
            await _turns()
            worker.table = PackedTable(Packer())  # recovered anew
        await saving
        assert not files.saved

    asyncio.run(story())


def test_the_last_save_waits_for_the_one_under_way_and_is_the_last() -> None:
    async def story() -> None:
        worker, files = Worker(), Files()
        files.may_write.clear()
        saver = Saver(worker, lambda: [0], files, OFTEN)
        running = asyncio.create_task(saver.run())
        await files.began.wait()
        last = asyncio.create_task(saver.save_all())
        await _turns()
        files.may_write.set()
        await last
        await asyncio.wait_for(running, 10)
        assert len(files.saved) == 2

    asyncio.run(story())


def test_what_is_saved_already_is_not_saved_again() -> None:
    async def story() -> None:
        worker, files = Worker(), Files()
        files.saved_to = 100
        await Saver(worker, lambda: [0], files, OFTEN).save_all()
        assert not files.saved

    asyncio.run(story())


def test_a_stop_does_not_save_a_large_table_for_a_few_records() -> None:
    """The next start has read them again before the table could be written."""

    async def stop(entries: int, saved_to: int) -> int:
        worker, files = Worker(), Files()
        for number in range(entries):
            worker.table[b"%d" % number] = b"{}"
        files.saved_to = saved_to
        await Saver(worker, lambda: [0], files, OFTEN).save_all()
        return len(files.saved)

    assert asyncio.run(stop(entries=400, saved_to=90)) == 0
    assert asyncio.run(stop(entries=400, saved_to=0)) == 1
    assert asyncio.run(stop(entries=30, saved_to=90)) == 1


def test_a_large_table_is_saved_once_in_a_while_all_the_same() -> None:
    async def story() -> None:
        worker, files = Worker(), Files()
        for number in range(400):
            worker.table[b"%d" % number] = b"{}"
        files.saved_to = 90
        running = asyncio.create_task(Saver(worker, lambda: [0], files, OFTEN).run())
        await asyncio.wait_for(files.began.wait(), 10)
        running.cancel()

    asyncio.run(story())


@pytest.mark.parametrize("interval", [OFTEN, timedelta(0)])
def test_nothing_is_saved_without_kafka_or_when_told_never_to(interval: timedelta) -> None:
    async def story() -> None:
        worker, files = Worker(), Files()
        worker.error = KafkaUnavailable("no broker")
        await Saver(worker, lambda: [0], files, interval).save_all()
        assert not files.saved

    asyncio.run(story())
