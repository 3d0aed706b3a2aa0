"""Registrations, calls and connections together: one worker, two workers, and the bare limit.

A part of `benchmarks.throughput`. The other peers have no such pipeline: a join of connections
with the users on them, and calls in the order of the registrations.
"""

import sys
import time
from collections import Counter
from collections.abc import Sequence

import msgspec
from confluent_kafka import Producer

from benchmarks import results, running, topics
from benchmarks.mixture import TOPICS, Mixture
from benchmarks.peers import Job
from benchmarks.population import Prepared
from benchmarks.subscriber import Seen
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.topic import Topic
from schemas.topics import CONNECTION_LOSSES, PRESENCE

_LIMIT_OUTPUT = "bench-limit.mixed"


def measure(
    kafka: KafkaSettings,
    worker: Sequence[str],
    limit: Sequence[str],
    environment: dict[str, str],
    users: int,
    timeout: float,
) -> dict[str, object]:
    """Events/s of each. Raises WrongResult, running.PeerFailed."""
    mixture = Mixture(users)
    records = list(mixture)
    rates: dict[str, object] = {"events": len(records), "users": users}
    for name, copies in (("rollcall", 1), ("rollcall_2_workers", 2)):
        own = kafka.model_copy(update={"namespace": f"{name.replace('_', '-')}."})
        named = environment | {"ROLLCALL_KAFKA_NAMESPACE": own.namespace}
        job = _job(own, own.group("streams"), own.name(PRESENCE))
        topics.create_outputs(own, [own.name(PRESENCE)])
        ensure_topics(own)
        with running.started(own, name, worker, job, named, copies) as peer:
            # Each has its partitions before there is anything to do: else one of two begins alone.
            peer.wait_joined(timeout)
            began = time.time()
            ends = _load(own, records)
            peer.wait_done(ends, timeout)
            # After the closes their losses have to be read too, which the worker itself writes.
            peer.wait_done(running.ends_of(own, [own.name(CONNECTION_LOSSES)]), timeout)
        ended = _checked_end(list(results.read(own, own.name(PRESENCE))), mixture)
        rates[name] = round(len(records) / (ended - began))
        if copies == 1:
            rates["rollcall_per_core"] = round(len(records) / peer.cost.cpu_seconds)
            rates["limit"] = _limit(own, limit, environment, ends, timeout)
        sys.stderr.write(f"{name}, mixed: {rates[name]:,} events/s, correct\n")
    return rates


def _limit(
    kafka: KafkaSettings,
    command: Sequence[str],
    environment: dict[str, str],
    ends: dict[tuple[str, int], int],
    timeout: float,
) -> int:
    """The rate of the bare limit, which finds the same records there, after its first tenth."""
    topics.create_outputs(kafka, [_LIMIT_OUTPUT])
    job = _job(kafka, "bench-limit-mixed", _LIMIT_OUTPUT)
    running.run(kafka, "limit", command, job, ends, environment, timeout)
    copied, events = list(results.read(kafka, _LIMIT_OUTPUT)), sum(ends.values())
    if len(copied) != events:
        raise results.WrongResult(f"{len(copied)} copies of {events} events")
    return results.rate_of_times([one.at_ms for one in copied], events)


def _job(kafka: KafkaSettings, group: str, output: str) -> Job:
    return Job(
        bootstrap_servers=kafka.bootstrap_servers,
        input=",".join(kafka.name(topic) for topic in TOPICS),
        output=output,
        group=group,
        partitions=kafka.partitions,
        folder="",
    )


def _load(
    kafka: KafkaSettings, records: Sequence[tuple[Topic, Prepared]]
) -> dict[tuple[str, int], int]:
    """Produce the records; the ends of their topics by topic and partition."""
    producer = Producer(kafka.producer(**{"linger.ms": 20}))
    for topic, (key, value, headers) in records:
        while True:
            try:
                producer.produce(kafka.name(topic), value, key, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("the mixture was not delivered within 60 s")
    return running.ends_of(kafka, [kafka.name(topic) for topic in TOPICS])


def _checked_end(output: list[results.Output], mixture: Mixture) -> float:
    """When the last record was written, seconds since the epoch. Raises WrongResult."""
    decoder = msgspec.json.Decoder(Seen)
    decoded = [(record.at_ms, decoder.decode(record.value)) for record in output]
    records = results.without_repeats(decoded)
    seen = [one for _, one in records]
    results.check_last(mixture.statuses(), seen)
    if (read := Counter(one.aor for one in seen)) != mixture.changes():
        raise results.WrongResult(f"{read.total()} records for {mixture.changes().total()} changes")
    return max(at_ms for at_ms, _ in records) / 1000
