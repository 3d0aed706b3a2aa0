"""The worker's outbox on a real broker: order, durability, and what Kafka refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings
from schemas.topics import SESSIONS
from streams.batches.effects import Effects, Record
from streams.flow.producer import Outbox

LANES = 12


@pytest.fixture
def outbox(kafka: KafkaSettings) -> Iterator[Outbox]:
    with closing(Outbox(kafka)) as outbox:
        yield outbox


def effects(lane: int, records: int) -> Effects:
    """Of all three kinds, all into one partition, where their order can be read."""

    def some(kind: str) -> list[Record]:
        return [Record(SESSIONS, 0, f"{lane}".encode(), kind.encode()) for _ in range(records)]

    return Effects(some("1 announced"), some("2 state"), some("3 published"))


def log_of(kafka: KafkaSettings) -> list[tuple[str, str]]:
    """(lane, kind) of every record in the partition, in the log's order."""
    consumer = Consumer(kafka.consumer("outbox-test"))
    try:
        partition = TopicPartition(kafka.name(SESSIONS), 0, 0)
        end = consumer.get_watermark_offsets(partition, timeout=10)[1]
        consumer.assign([partition])
        found: list[tuple[bytes | None, bytes | None]] = []
        while len(found) < end:
            found += [(m.key(), m.value()) for m in consumer.consume(1_000, timeout=10)]
        return [((key or b"").decode(), (value or b"").decode()) for key, value in found]
    finally:
        consumer.close()


def test_each_list_is_durable_before_the_next_of_its_lane(
    kafka: KafkaSettings, outbox: Outbox
) -> None:
    async def settle_all() -> None:  # of few records and of many
        await asyncio.gather(*(outbox.settle(effects(i, 1 + 40 * (i % 3))) for i in range(LANES)))

    asyncio.run(settle_all())
    log = log_of(kafka)
    for lane in range(LANES):
        kinds = [kind for key, kind in log if key == f"{lane}"]
        assert kinds == sorted(kinds)
        assert len(kinds) == 3 * (1 + 40 * (lane % 3))


def test_lanes_that_wait_share_a_round(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[int] = []
    plain = outbox._round

    async def noted(lists: list[list[Record]]) -> Exception | None:
        rounds.append(len(lists))
        return await plain(lists)

    monkeypatch.setattr(outbox, "_round", noted)

    async def settle_all() -> None:
        await asyncio.gather(*(outbox.settle(effects(lane, 1)) for lane in range(LANES)))

    asyncio.run(settle_all())
    assert rounds == [LANES] * 3


def test_what_kafka_refuses_stops_everyone_who_waits(outbox: Outbox) -> None:
    """The memory of each is ahead of the log then."""
    too_large = Effects(state=[Record(SESSIONS, 0, b"k", b"x" * 2_000_000)])

    async def settle_both() -> tuple[object, object]:
        return await asyncio.gather(
            outbox.settle(effects(1, 1)), outbox.settle(too_large), return_exceptions=True
        )

    assert all(isinstance(error, KafkaException) for error in asyncio.run(settle_both()))
