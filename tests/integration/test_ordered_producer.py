"""The worker's producer on a real broker: order, durability, and what Kafka refuses."""

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest
from confluent_kafka import Consumer, KafkaException, TopicPartition

from runtime.kafka import KafkaSettings
from schemas.topics import SESSIONS
from streams.batches.effects import Effects, Record
from streams.flow.producer import OrderedProducer

COUNT = 12


@pytest.fixture
def producer(kafka: KafkaSettings) -> Iterator[OrderedProducer]:
    with closing(OrderedProducer(kafka)) as producer:
        yield producer


def effects(partition: int, records: int) -> Effects:
    """Of all three kinds, all into one partition, where their order can be read."""

    def some(kind: str) -> list[Record]:
        return [Record(SESSIONS, 0, f"{partition}".encode(), kind.encode()) for _ in range(records)]

    return Effects(some("1 joins"), some("2 state"), some("3 presence"))


def log_of(kafka: KafkaSettings) -> list[tuple[str, str]]:
    """(partition, kind) of every record in the partition, in the log's order."""
    consumer = Consumer(kafka.consumer("producer-test"))
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


def test_each_list_is_durable_before_the_next_of_its_partition(
    kafka: KafkaSettings, producer: OrderedProducer
) -> None:
    async def deliver_all() -> None:  # of few records and of many
        await asyncio.gather(
            *(producer.deliver(effects(i, 1 + 40 * (i % 3))) for i in range(COUNT))
        )

    asyncio.run(deliver_all())
    log = log_of(kafka)
    for partition in range(COUNT):
        kinds = [kind for key, kind in log if key == f"{partition}"]
        assert kinds == sorted(kinds)
        assert len(kinds) == 3 * (1 + 40 * (partition % 3))


def test_deliveries_that_wait_share_a_round(
    producer: OrderedProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    rounds: list[int] = []
    plain = producer._round

    async def noted(lists: list[list[Record]]) -> Exception | None:
        rounds.append(len(lists))
        return await plain(lists)

    monkeypatch.setattr(producer, "_round", noted)

    async def deliver_all() -> None:
        await asyncio.gather(
            *(producer.deliver(effects(partition, 1)) for partition in range(COUNT))
        )

    asyncio.run(deliver_all())
    assert rounds == [COUNT] * 3


def test_what_kafka_refuses_stops_everyone_who_waits(producer: OrderedProducer) -> None:
    """The memory of each is ahead of the log then."""
    too_large = Effects(state=[Record(SESSIONS, 0, b"k", b"x" * 2_000_000)])

    async def deliver_both() -> tuple[object, object]:
        return await asyncio.gather(
            producer.deliver(effects(1, 1)), producer.deliver(too_large), return_exceptions=True
        )

    assert all(isinstance(error, KafkaException) for error in asyncio.run(deliver_both()))
