"""Reads a peer's output: whether it is right, and at which rate it was written."""

import time
from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, TopicPartition

from benchmarks.loading import Input
from benchmarks.subscriber import Seen
from runtime.kafka import KafkaSettings
from schemas.vocabulary import Status

# A peer's first tenth of the input is its warm-up (JIT, first fetches, first batches).
WARM_UP = 0.1
READ_SECONDS = 60.0


class WrongResult(Exception):
    """A peer's result is not the data set's: its rate has no meaning."""


@dataclass(frozen=True, slots=True)
class Output:
    """One record: its time (broker's clock, ms) and value."""

    at_ms: int
    value: bytes


def read(kafka: KafkaSettings, topic: str) -> Iterator[Output]:
    """All records of a topic up to its present end, in order within each partition."""
    consumer = Consumer(kafka.consumer("benchmark-reader"))
    try:
        wanted: dict[int, int] = {}
        for number in range(kafka.partitions):
            low, high = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)
            if high > low:
                wanted[number] = high
        consumer.assign([TopicPartition(topic, number, 0) for number in wanted])
        deadline = time.monotonic() + READ_SECONDS
        while wanted:
            if time.monotonic() > deadline:
                raise WrongResult(f"{topic}: could not be read within {READ_SECONDS:.0f} s")
            for message in consumer.consume(10_000, timeout=0.5):
                if message.error():
                    raise WrongResult(f"{topic}: {message.error()}")
                yield Output(message.timestamp()[1], message.value() or b"")
                if (message.offset() or 0) + 1 >= wanted.get(message.partition() or 0, 0):
                    wanted.pop(message.partition() or 0, None)
    finally:
        consumer.close()


def check_presence(loaded: Input, records: list[Seen]) -> None:
    """Check each user's last record, and their number. Raises WrongResult."""
    expected = loaded.expected
    check_last(expected.status, records)
    if len(records) != expected.changes:
        raise WrongResult(f"{len(records)} presence records for {expected.changes} changes")


def check_last(status: dict[str, Status], records: list[Seen]) -> None:
    """Check the status of each user's last record, and that versions grow by one.

    Raises WrongResult.
    """
    last: dict[str, Seen] = {}
    for record in records:
        if record.aor in last and record.version != last[record.aor].version + 1:
            raise WrongResult(f"{record.aor}: version {record.version} after {last[record.aor]}")
        last[record.aor] = record
    wrong = [a for a, s in status.items() if a not in last or last[a].status is not s]
    if wrong or len(last) != len(status):
        raise WrongResult(
            f"final presence is wrong for {len(wrong)} of {len(status)} users, such as "
            f"{wrong[:3]}; there are {len(records)} records of {len(last)} users"
        )


def check_copies(loaded: Input, copies: list[tuple[str, str]]) -> None:
    """Check the (aor, event id) of every event of the peer without state. Raises WrongResult."""
    if len(copies) != loaded.expected.events:
        raise WrongResult(f"{len(copies)} records for {loaded.expected.events} events")
    if dict(copies) != loaded.expected.last:
        raise WrongResult("the last record of some user is not its last event")


def rate(loaded: Input, proofs: list[tuple[int, list[str]]], warm_up: float = WARM_UP) -> float:
    """Events/s of the input after the warm-up, from output records' (time in ms, evidence).

    Each record names its event, whose position in the input is known. So the records, in the order
    of the broker's time, are the peer's progress in each partition over time.
    """
    position = loaded.positions
    curve: list[tuple[int, int]] = []
    reached: dict[int, int] = {}
    done = 0
    for at_ms, evidence in sorted(proofs, key=lambda proof: proof[0]):
        for event_id in evidence:
            partition, offset = position[event_id]
            if offset + 1 > reached.get(partition, 0):
                done += offset + 1 - reached.get(partition, 0)
                reached[partition] = offset + 1
        curve.append((at_ms, done))
    warm_at, warm_done = next(c for c in curve if c[1] >= warm_up * loaded.expected.events)
    end_at, end_done = curve[-1]
    if end_at <= warm_at:
        raise WrongResult("all records have one time: too few events to measure a rate")
    return (end_done - warm_done) * 1000 / (end_at - warm_at)


def without_repeats(records: list[tuple[int, Seen]]) -> list[tuple[int, Seen]]:
    """As subscribers read them: without records that a worker repeats after a rebalance."""
    versions: dict[str, int] = {}
    fresh = []
    for at_ms, one in records:
        if one.version > versions.get(one.aor, 0):
            versions[one.aor] = one.version
            fresh.append((at_ms, one))
    return fresh


def rate_of_times(times: list[int], events: int, warm_up: float = WARM_UP) -> int:
    """Events/s after the warm-up of a uniform input, from its records' times."""
    ordered = sorted(times)
    warm = ordered[int(len(ordered) * warm_up)]
    if ordered[-1] <= warm:
        raise WrongResult("all records have one time: too few events to measure a rate")
    return round(events * (1 - warm_up) * 1000 / (ordered[-1] - warm))
