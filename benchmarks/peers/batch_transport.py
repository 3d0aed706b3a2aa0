"""Peer: the plain Faust program's job, on Rollcall's batch transport: what that gains by itself.

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
from streams.faust_adapter.app import StreamsApp
from streams.faust_adapter.consumer import BatchSchema
from streams.faust_adapter.recovery import BatchTables
from streams.settings import StreamsSettings

_QUEUE_RECORDS = 500_000


def main() -> None:
    job = Job.given()
    kafka = KafkaSettings(bootstrap_servers=job.bootstrap_servers, partitions=job.partitions)
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
    decode, encode = msgspec.json.decode, msgspec.json.encode
    latest: dict[bytes, bytes] = {}

    async def follow(stream: Any) -> None:
        stream.enable_acks = False
        async for event in stream.events():
            for record in event.message.value:
                aor = record.key
                known = latest.get(aor)
                state, change = fold(decode(known) if known else None, decode(record.value))
                if state is not None:
                    latest[aor] = value = encode(state)
                    producer.produce(changelog, value, aor, record.partition)
                if change is not None:
                    producer.produce(job.output, encode(change), aor, record.partition)
            await asyncio.get_running_loop().run_in_executor(None, producer.flush)
            event.ack()

    source = app.topic(job.input, schema=BatchSchema(), partitions=job.partitions)
    app.agent(source, name="follow", concurrency=1)(follow)
    os.chdir(job.folder)
    sys.argv[1:] = ["worker", "--loglevel", "warn", "--without-web"]
    app.main()


if __name__ == "__main__":
    main()
