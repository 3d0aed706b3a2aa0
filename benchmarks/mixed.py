"""Registrations, calls and connections together: one worker, two workers, and the bare limit.

A part of `benchmarks.throughput`. The other peers have no such pipeline: a join of connections
with the users on them, and calls in the order of the registrations.
"""

import sys
from collections import Counter
from collections.abc import Sequence

import msgspec
from confluent_kafka import Producer

from benchmarks import results, running, topics
from benchmarks.mixture import TOPICS, Mixture
from benchmarks.peers import Job
from benchmarks.subscriber import Seen
from runtime.kafka import KafkaSettings, ensure_topics
from schemas.topics import CONNECTION_LOSSES, PRESENCE

_LIMIT_OUTPUT = "bench-limit.mixed"
# A share of the output. With two workers one begins alone, until the rebalance.
_WARM_UP = {1: results.WARM_UP, 2: 0.4}


def measure(
    kafka: KafkaSettings,
    worker: Sequence[str],
    limit: Sequence[str],
    environment: dict[str, str],
    users: int,
    timeout: float,
) -> dict[str, object]:
    """Events/s of each, after its first tenth. Raises WrongResult, running.PeerFailed."""
    rates: dict[str, object] = {}
    for name, copies in (("rollcall", 1), ("rollcall_2_workers", 2)):
        own = kafka.model_copy(update={"namespace": f"{name.replace('_', '-')}."})
        mixture, ends = _load(own, users)
        named = environment | {"ROLLCALL_KAFKA_NAMESPACE": own.namespace}
        job = _job(own, own.group("streams"), own.name(PRESENCE))
        # After the closes their losses have to be read too, which the worker itself writes.
        between = [own.name(CONNECTION_LOSSES)]
        cost = running.run(own, name, worker, job, ends, named, timeout, copies, between)
        events = sum(ends.values())
        output = list(results.read(own, own.name(PRESENCE)))
        rates[name] = _checked_rate(output, mixture, events, _WARM_UP[copies])
        if copies == 1:
            rates["rollcall_per_core"] = round(events / cost.cpu_seconds)
            topics.create_outputs(own, [_LIMIT_OUTPUT])
            job = _job(own, "bench-limit-mixed", _LIMIT_OUTPUT)
            running.run(own, "limit", limit, job, ends, environment, timeout)
            copied = list(results.read(own, _LIMIT_OUTPUT))
            if len(copied) != events:
                raise results.WrongResult(f"{len(copied)} copies of {events} events")
            rates["limit"] = results.rate_of_times([one.at_ms for one in copied], events)
            rates["events"], rates["users"] = events, users
        sys.stderr.write(f"{name}, mixed: {rates[name]:,} events/s, correct\n")
    return rates


def _job(kafka: KafkaSettings, group: str, output: str) -> Job:
    return Job(
        bootstrap_servers=kafka.bootstrap_servers,
        input=",".join(kafka.name(topic) for topic in TOPICS),
        output=output,
        group=group,
        partitions=kafka.partitions,
        folder="",
    )


def _load(kafka: KafkaSettings, users: int) -> tuple[Mixture, dict[tuple[str, int], int]]:
    """Produce the mixture; the ends of its topics by topic and partition."""
    topics.create_outputs(kafka, [kafka.name(PRESENCE)])
    ensure_topics(kafka)
    producer, mixture = Producer(kafka.producer(**{"linger.ms": 20})), Mixture(users)
    for topic, (key, value, headers) in mixture:
        while True:
            try:
                producer.produce(kafka.name(topic), value, key, headers=headers)
                break
            except BufferError:
                producer.poll(0.1)
        producer.poll(0)
    if producer.flush(60):
        raise RuntimeError("the mixture was not delivered within 60 s")
    return mixture, running.ends_of(kafka, [kafka.name(topic) for topic in TOPICS])


def _checked_rate(
    output: list[results.Output], mixture: Mixture, events: int, warm_up: float
) -> int:
    decoder = msgspec.json.Decoder(Seen)
    decoded = [(record.at_ms, decoder.decode(record.value)) for record in output]
    records = results.without_repeats(decoded)
    seen = [one for _, one in records]
    results.check_last(mixture.statuses(), seen)
    if (read := Counter(one.aor for one in seen)) != mixture.changes():
        raise results.WrongResult(f"{read.total()} records for {mixture.changes().total()} changes")
    return results.rate_of_times([at_ms for at_ms, _ in records], events, warm_up)
