"""Fetches in sessions with a real broker: nothing is missed, also after it has lost the session."""

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.client import ConnectionGroup
from aiokafka.protocol.fetch import FetchRequest
from confluent_kafka import Producer

from runtime.kafka import KafkaSettings
from schemas import topics
from streams.faust_adapter.fetcher import Answers, make_prompt

READ = (topics.REGISTRATIONS, topics.CALLS, topics.NODES)
SECONDS = 30.0
VERSIONS = {FetchRequest.API_KEY: (0, 17)}


class Closing:
    """A request that ends a session, as if the broker had no room for it any more."""

    def __init__(self, session: int) -> None:
        self._session = session

    def prepare(self, versions: Any) -> Any:
        built = FetchRequest(0, 0, 1, 0, []).prepare(versions)
        built.session_id, built.session_epoch = self._session, -1
        return built


class Reader:
    """An assigned consumer with the worker's fetches: their requests and answers are noted."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self.parts = [
            TopicPartition(kafka.name(topic), number)
            for topic in READ
            for number in range(kafka.partitions)
        ]
        self._consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap_servers)
        self._send = self._consumer._client.send
        self.named: list[int] = []  # partitions, of each fetch that was answered
        self.errors: list[int] = []
        self.session = 0

    async def __aenter__(self) -> "Reader":
        await self._consumer.start()
        self._consumer._client.send = self._noted
        fetcher = self._consumer._fetcher
        make_prompt(fetcher, lambda _: True, lambda: False, lambda: True, Answers())
        self._consumer.assign(self.parts)
        await self._consumer.seek_to_beginning()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._consumer.stop()

    async def _noted(self, node: int, request: Any, **kwargs: Any) -> Any:
        answer = await self._send(node, request, **kwargs)
        if hasattr(answer, "session_id"):
            named = request.prepare(VERSIONS).topics
            self.named.append(sum(len(partitions) for _, partitions in named))
            self.errors.append(answer.error_code)
            self.session = answer.session_id or self.session
        return answer

    async def read(self, count: int) -> list[bytes]:
        found: list[bytes] = []
        async with asyncio.timeout(SECONDS):
            while len(found) < count:
                for records in (await self._consumer.getmany(timeout_ms=500)).values():
                    found += [record.value for record in records]
        return sorted(found)

    async def ends_after(self, moment: float) -> dict[TopicPartition, int]:
        """The partitions' ends, once all were heard after a moment (seconds since 1970)."""
        assignment = self._consumer._subscription.subscription.assignment
        states = {tp: assignment.state_value(tp) for tp in self.parts}
        async with asyncio.timeout(SECONDS):
            while any(state.timestamp <= moment * 1000 for state in states.values()):
                await self._consumer.getmany(timeout_ms=100)
        return {tp: state.highwater for tp, state in states.items()}

    async def lose_session(self) -> None:
        """The broker forgets it, while a fetch may be waiting there; returns when that shows."""
        mark = len(self.errors)
        await self._send(1, Closing(self.session), group=ConnectionGroup.COORDINATION)
        async with asyncio.timeout(SECONDS):
            while not any(self.errors[mark:]):
                await self._consumer.getmany(timeout_ms=100)


class Writer:
    """Writes numbers into the partitions in turn."""

    def __init__(self, kafka: KafkaSettings, parts: list[TopicPartition]) -> None:
        self._producer = Producer(kafka.producer())
        self._parts = parts
        self.ends = dict.fromkeys(parts, 0)

    def write(self, numbers: Iterable[int]) -> list[bytes]:
        values = []
        for number in numbers:
            part = self._parts[number % len(self._parts)]
            values.append(b"%d" % number)
            self._producer.produce(part.topic, values[-1], partition=part.partition)
            self.ends[part] += 1
        self._producer.flush(SECONDS)
        return sorted(values)


async def _check_single_records(reader: Reader, writer: Writer, numbers: range) -> None:
    """Each record is read, and all partitions' ends are heard, by fetches that name few of them."""
    for number in numbers:
        written = writer.write([number])
        assert await reader.read(1) == written
    assert await reader.ends_after(time.time()) == writer.ends


def test_fetches_name_what_changed_and_miss_nothing(kafka: KafkaSettings) -> None:
    async def read() -> None:
        async with Reader(kafka) as reader:
            writer = Writer(kafka, reader.parts)
            written = writer.write(range(48))
            assert await reader.read(48) == written
            assert reader.named[0] == len(reader.parts)
            assert await reader.ends_after(time.time()) == writer.ends
            mark = len(reader.named)
            await _check_single_records(reader, writer, range(48, 58))
            assert max(reader.named[mark:]) <= 2
            assert not any(reader.errors)

    asyncio.run(read())


def test_session_that_the_broker_has_lost_is_begun_anew(kafka: KafkaSettings) -> None:
    async def read() -> None:
        async with Reader(kafka) as reader:
            writer = Writer(kafka, reader.parts)
            for round_ in range(3):
                await _check_single_records(reader, writer, range(round_ * 6, round_ * 6 + 6))
                mark = len(reader.named)
                await reader.lose_session()
                assert await reader.ends_after(time.time()) == writer.ends
                assert len(reader.parts) in reader.named[mark:]

    asyncio.run(read())
