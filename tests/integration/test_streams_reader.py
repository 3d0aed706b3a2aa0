"""The worker's reader on a real broker: every record once and in order, whatever is sought, paused
or assigned anew."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

import pytest
from faust.types import TP

from runtime.kafka import KafkaSettings
from schemas.topics import CALLS, REGISTRATIONS
from streams.faust_adapter.reader import BEGINNING, Reader
from tests.kafka_logs import ends, write

COUNT = 3_000


class Reading:
    """A reader of the two topics, and the offsets that it has handed over."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.reader = Reader(kafka, 200)
        self.ends = {
            TP(kafka.name(topic), number): end
            for topic in (CALLS, REGISTRATIONS)
            for number, end in ends(kafka, topic).items()
        }
        self.full: set[TP] = set()
        self.offsets: defaultdict[TP, list[int]] = defaultdict(list)

    async def read(self, active: set[TP], until: Callable[[], bool]) -> None:
        async with asyncio.timeout(30):
            while not until():
                found = await self.reader.fetch(active, lambda tp: tp not in self.full, 0.1)
                for tp, records in found.items():
                    self.offsets[tp] += [record.offset for record in records]

    def has_all(self, tp: TP) -> bool:
        return self.offsets[tp] == list(range(self.ends[tp]))


def run(kafka: KafkaSettings, test: Callable[[Reading], Awaitable[None]]) -> None:
    write(kafka, [(topic, f"{n}", b"{}") for n in range(COUNT) for topic in (CALLS, REGISTRATIONS)])

    async def reading() -> None:
        one = Reading(kafka)
        try:
            await test(one)
        finally:
            await one.reader.close()

    asyncio.run(reading())


def test_a_partition_without_room_delays_no_other_and_loses_nothing(
    kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.faust_adapter.reader._PAUSE", 300)
    monkeypatch.setattr("streams.faust_adapter.reader._RESUME", 100)

    async def test(one: Reading) -> None:
        everything = set(one.ends)
        one.full = {min(everything)}
        one.reader.seek(dict.fromkeys(everything, BEGINNING))
        await one.read(everything, lambda: all(map(one.has_all, everything - one.full)))
        assert one.offsets[min(everything)] == []
        one.full.clear()
        await one.read(everything, lambda: all(map(one.has_all, everything)))
        await one.read(everything, lambda: one.reader.position(min(everything)) is not None)
        assert {tp: one.reader.position(tp) for tp in everything} == one.ends

    run(kafka, test)


def test_a_seek_and_another_set_of_partitions_go_on_exactly_where_they_should(
    kafka: KafkaSettings,
) -> None:
    async def test(one: Reading) -> None:
        everything = set(one.ends)
        first, *_ = sorted(everything)
        one.reader.seek(dict.fromkeys(everything, BEGINNING))
        await one.read(everything, lambda: len(one.offsets[first]) > 100)
        read = one.offsets[first]
        await one.read(everything - {first}, lambda: all(map(one.has_all, everything - {first})))
        assert one.offsets[first] is read
        del read[50:]
        one.reader.seek({first: 50})
        await one.read(everything, lambda: one.has_all(first))
        assert all(map(one.has_all, everything))

    run(kafka, test)
