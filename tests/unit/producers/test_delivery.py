"""Every accepted record arrives, in its key's order, whatever the session does."""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError

from producers.delivery import Delivery, Limits
from producers.kafka_session import KafkaSession, Outcome, QueueFull, RecordRefused, Report
from producers.kafka_session import SessionFailed as Failed
from producers.record import Record
from producers.spool import Spool

QUEUE, SILENCE = 5, 1.0
TOO_LARGE = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
FATAL = KafkaError(KafkaError._FATAL)


class Kafka:
    """The cluster behind all sessions of a test: what arrived, what it refuses, what time it is."""

    def __init__(self) -> None:
        self.arrived: list[Record] = []
        self.answers = True
        self.fails = False
        self.now = 0.0

    def open_session(self) -> KafkaSession:
        return cast(KafkaSession, Session(self))

    def keys(self) -> list[bytes]:
        return [record.key for record in self.arrived]


class Session:
    """As much of librdkafka as Delivery sees: a bounded queue, and reports in its order."""

    def __init__(self, kafka: Kafka) -> None:
        self.errors: list[KafkaError] = []
        self._kafka = kafka
        self._queue: list[tuple[int, Record]] = []

    def produce(self, number: int, record: Record) -> None:
        if self._kafka.fails:
            raise Failed("no permission")
        if record.value == b"never":
            raise RecordRefused(TOO_LARGE)
        if len(self._queue) >= QUEUE + 1:
            raise QueueFull
        self._queue.append((number, record))

    def reports(self, wait: float = 0.0) -> list[Report]:
        """One batch: refused as a whole for one bad record."""
        del wait
        if not self._kafka.answers:
            return []
        batch, self._queue = self._queue, []
        if any(record.value == b"bad" for _, record in batch):
            return [Report(number, Outcome.REFUSED, TOO_LARGE) for number, _ in batch]
        self._kafka.arrived += [record for _, record in batch]
        return [Report(number, Outcome.ACKNOWLEDGED, None) for number, _ in batch]

    def give_up(self) -> list[Report]:
        batch, self._queue = self._queue, []
        return [Report(number, Outcome.GIVEN_UP, FATAL) for number, _ in batch]

    def end(self, timeout: float) -> list[Report]:
        del timeout
        return []


@pytest.fixture
def kafka() -> Kafka:
    return Kafka()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    spool = Spool(tmp_path, "test")
    yield spool
    spool.close()


def delivery_to(kafka: Kafka, spool: Spool, spool_bytes: int = 10**6) -> Delivery:
    return Delivery(
        kafka.open_session, spool, Limits(QUEUE, spool_bytes, SILENCE), letter, lambda: kafka.now
    )


def letter(record: Record, reason: str) -> Record | None:
    return None if record.topic == "dead" else Record("dead", record.key, reason.encode(), [])


def record(number: int, value: bytes = b"v") -> Record:
    return Record("t", str(number).encode(), value, [])


def serve(delivery: Delivery, kafka: Kafka, rounds: int = 1, seconds: float = 0.1) -> None:
    """As the publisher's thread does."""
    for _ in range(rounds):
        kafka.now += seconds
        delivery.take_reports(delivery.session.reports(0.0))
        delivery.advance()


def numbers(*values: int) -> list[bytes]:
    return [str(value).encode() for value in values]


def test_records_go_straight_to_kafka_while_it_answers(kafka: Kafka, spool: Spool) -> None:
    delivery = delivery_to(kafka, spool)
    for number in range(QUEUE):
        assert delivery.accept(record(number))
    assert not delivery.accept(record(QUEUE)), "the queue is full: gone in a moment"
    serve(delivery, kafka)
    assert kafka.keys() == numbers(*range(QUEUE))
    assert (delivery.counts.undelivered, delivery.spooled, delivery.spooling) == (0, 0, False)


def test_silence_sends_records_to_the_spool_and_they_arrive_in_order(
    kafka: Kafka, spool: Spool
) -> None:
    delivery = delivery_to(kafka, spool)
    kafka.answers = False
    assert delivery.accept(record(0))
    serve(delivery, kafka, seconds=SILENCE)
    assert delivery.spooling
    assert (delivery.spooled, spool.count) == (1, 1), "a copy of what librdkafka holds"
    for number in range(1, 20):
        assert delivery.accept(record(number))
    kafka.answers = True
    serve(delivery, kafka, rounds=10)
    assert kafka.keys() == numbers(*range(20))
    assert (delivery.spooling, spool.count) == (False, 0)
    assert delivery.accept(record(20))
    serve(delivery, kafka)
    assert kafka.keys()[-1:] == numbers(20)


def test_a_full_spool_accepts_nothing_and_force_passes_its_bound(
    kafka: Kafka, spool: Spool
) -> None:
    delivery = delivery_to(kafka, spool, spool_bytes=1)
    kafka.answers = False
    delivery.accept(record(0))
    serve(delivery, kafka, seconds=SILENCE)
    assert not delivery.accept(record(1))
    assert delivery.full
    assert delivery.accept(record(1), force=True)
    kafka.answers = True
    serve(delivery, kafka, rounds=5)
    assert kafka.keys() == numbers(0, 1)
    assert delivery.accept(record(2))
    assert not delivery.full


def test_the_record_at_fault_becomes_a_dead_letter_and_its_batch_arrives(
    kafka: Kafka, spool: Spool
) -> None:
    delivery = delivery_to(kafka, spool)
    for number in range(4):
        delivery.accept(record(number, b"bad" if number == 2 else b"v"))
    serve(delivery, kafka, rounds=40)
    assert [(one.topic, one.key) for one in kafka.arrived] == [
        ("t", b"0"),
        ("t", b"1"),
        ("dead", b"2"),
        ("t", b"3"),
    ]
    assert delivery.counts.refused == 1
    assert delivery.counts.undelivered == 0


def test_a_record_refused_at_once_becomes_a_dead_letter_in_its_place(
    kafka: Kafka, spool: Spool
) -> None:
    delivery = delivery_to(kafka, spool)
    for number in range(3):
        delivery.accept(record(number, b"never" if number == 1 else b"v"))
    serve(delivery, kafka)
    assert [one.topic for one in kafka.arrived] == ["t", "dead", "t"]
    assert dict(delivery.counts.take_news().refusals) == {("t", TOO_LARGE.name()): 1}


def test_a_dead_letter_takes_its_records_place_in_the_spool(kafka: Kafka, tmp_path: Path) -> None:
    """So that the next run does not hand the refused record over again."""
    kafka.answers = False
    spool = Spool(tmp_path, "test")
    delivery = delivery_to(kafka, spool)
    delivery.accept(record(0))
    serve(delivery, kafka, seconds=SILENCE)
    delivery.accept(record(1, b"never"))
    serve(delivery, kafka)
    delivery.end(0.0)
    spool = Spool(tmp_path, "test")
    assert [one.topic for _, one in spool.after(0, 10)] == ["t", "dead"]
    spool.close()


def test_a_refused_dead_letter_is_given_up(kafka: Kafka, spool: Spool) -> None:
    delivery = delivery_to(kafka, spool)
    assert delivery.accept(Record("dead", b"k", b"never", []))
    serve(delivery, kafka)
    assert kafka.arrived == []
    assert (delivery.counts.given_up, delivery.counts.undelivered) == (1, 0)


def test_a_session_that_fails_is_replaced_after_a_backoff_that_doubles(
    kafka: Kafka, spool: Spool
) -> None:
    delivery = delivery_to(kafka, spool)
    kafka.fails = True
    delivery.accept(record(0))
    sessions: list[Any] = []
    for _ in range(200):
        serve(delivery, kafka, seconds=0.05)
        sessions.append(delivery.session)
    replaced = [at for at, (a, b) in enumerate(itertools.pairwise(sessions)) if a is not b]
    pauses = [b - a for a, b in itertools.pairwise(replaced)]
    assert pauses == sorted(pauses)
    assert pauses[-1] > 4 * pauses[0]
    kafka.fails = False
    serve(delivery, kafka, rounds=10, seconds=1.0)
    assert kafka.keys() == numbers(0)


def test_what_an_earlier_run_left_comes_first(kafka: Kafka, tmp_path: Path) -> None:
    kafka.answers = False
    spool = Spool(tmp_path, "test")
    first = delivery_to(kafka, spool)
    for number in range(3):
        first.accept(record(number))
    first.end(0.0)
    kafka.answers = True
    spool = Spool(tmp_path, "test")
    second = delivery_to(kafka, spool)
    assert second.counts.undelivered == 3
    second.accept(record(3))
    serve(second, kafka, rounds=5)
    assert kafka.keys() == numbers(0, 1, 2, 3)
    second.end(0.0)


@pytest.mark.parametrize("seed", range(40))
def test_any_order_of_troubles_loses_nothing_and_keeps_the_order(
    kafka: Kafka, spool: Spool, seed: int
) -> None:
    """Repeats are allowed; of the first arrivals the order is that of acceptance."""
    chance = random.Random(seed)
    delivery = delivery_to(kafka, spool)
    accepted: list[bytes] = []
    refused: set[bytes] = set()
    for number in range(300):
        happens = chance.random()
        if happens < 0.6:
            value = b"bad" if chance.random() < 0.03 else b"v"
            if delivery.accept(record(number, value)):
                accepted.append(str(number).encode())
                refused |= {accepted[-1]} if value == b"bad" else set()
        elif happens < 0.65:
            kafka.answers = not kafka.answers
        elif happens < 0.68:
            kafka.fails = not kafka.fails
        elif happens < 0.70:
            delivery.take_reports(cast(Session, delivery.session).give_up())
        else:
            serve(delivery, kafka, seconds=chance.choice([0.01, 0.5, 2.0]))
    kafka.answers, kafka.fails = True, False
    serve(delivery, kafka, rounds=600, seconds=1.0)
    assert delivery.counts.undelivered == 0
    assert spool.count == 0
    assert list(dict.fromkeys(kafka.keys())) == accepted
    assert {one.key for one in kafka.arrived if one.topic == "dead"} == refused
