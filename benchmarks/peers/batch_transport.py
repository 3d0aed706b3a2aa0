"""Peer: the plain Faust program's job on Rollcall's batch transport: the gain of the transport.

State as msgspec's JSON in memory, its changelog and presence through one librdkafka producer; a
batch is acknowledged once all of it is durable.
"""

import asyncio
import os
import sys
from typing import Any

import msgspec
from confluent_kafka import Producer

from benchmarks import topics
from benchmarks.peers import Job
from benchmarks.peers.fold import fold
from runtime.kafka import KafkaSettings
from schemas.topic import Topic
from schemas.topics import REGISTRATIONS
from streams.faust_adapter.app import StreamsApp
from streams.faust_adapter.progress import ConsumerProgress
from streams.faust_adapter.recovery import BatchTables
from streams.settings import StreamsSettings

_QUEUE_RECORDS = 500_000
_MOST_WAITING = 16  # batches


class Follower:
    """Receives the batches of all partitions, and folds one after another."""

    def __init__(
        self, progress: ConsumerProgress, job: Job, changelog: str, producer: Producer
    ) -> None:
        self._progress = progress
        self._job = job
        self._changelog = changelog
        self._producer = producer
        self._latest: dict[bytes, bytes] = {}
        self._waiting: asyncio.Queue[list[Any]] = asyncio.Queue()
        self._folding = asyncio.Lock()

    def has_room(self, topic: Topic, number: int) -> bool:
        del topic, number
        return self._waiting.qsize() < _MOST_WAITING

    def add(self, topic: Topic, number: int, records: list[Any]) -> None:
        del topic, number
        self._waiting.put_nowait(records)

    async def drain(self) -> None:
        while not self._waiting.empty():
            self._waiting.get_nowait()
        async with self._folding:
            pass

    async def follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            records = await self._waiting.get()
            async with self._folding:
                for record in records:
                    self._fold(record)
                await loop.run_in_executor(None, self._producer.flush)
                last = records[-1]
                self._progress.acknowledge(REGISTRATIONS, last.partition, last.offset + 1)

    def _fold(self, record: Any) -> None:
        decode, encode = msgspec.json.decode, msgspec.json.encode
        aor = record.key
        known = self._latest.get(aor)
        state, change = fold(decode(known) if known else None, decode(record.value))
        if state is not None:
            self._latest[aor] = value = encode(state)
            self._producer.produce(self._changelog, value, aor, record.partition)
        if change is not None:
            self._producer.produce(self._job.output, encode(change), aor, record.partition)


def main() -> None:
    job = Job.given()
    kafka = KafkaSettings(
        bootstrap_servers=job.bootstrap_servers,
        partitions=job.partitions,
        namespace=job.input.removesuffix(REGISTRATIONS.name),
    )
    changelog = f"{job.group}-latest-changelog"
    topics.create_outputs(kafka, [changelog])
    limits = {"linger.ms": 20, "queue.buffering.max.messages": _QUEUE_RECORDS}
    producer = Producer(kafka.producer(**limits))
    app = StreamsApp(
        job.group,
        broker=f"kafka://{job.bootstrap_servers}",
        topic_partitions=job.partitions,
        topic_disable_leader=True,
        topic_allow_declare=False,
        broker_commit_interval=1.0,
        broker_max_poll_records=StreamsSettings(data_folder=job.folder).batch_records,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=True,
        stream_recovery_delay=0.0,
        TableManager=BatchTables,
        producer_partitioner=None,
        web_enabled=False,
        datadir=job.folder,
        autodiscover=False,
    )
    follower = Follower(ConsumerProgress(app, kafka), job, changelog, producer)
    app.read(kafka, [REGISTRATIONS], follower)
    app.task(follower.follow)
    os.chdir(job.folder)
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()


if __name__ == "__main__":
    main()
