"""The sink against a real Kafka and real HTTP receivers that misbehave on demand."""

import random
import statistics
import threading
import time
from functools import partial
from itertools import count

import pytest
from confluent_kafka import Producer, TopicPartition

from runtime.dead_letters import DeadLetters
from runtime.kafka import KafkaSettings
from schemas.codec import encode
from schemas.topics import PRESENCE
from sinks.user_center.backlog import Backlog
from sinks.user_center.deliverer import await_requests
from sinks.user_center.reader import Reader
from tests.eventually import eventually
from tests.user_center import dead_letters, lag, presence, publish, running_sink, settings
from tests.user_center_misbehaving import Answer, Received, misbehaving

USERS = [f"sip:user{n}@example.com" for n in range(40)]


def test_order_per_user_holds_under_concurrency(kafka: KafkaSettings) -> None:
    """Requests overlap, answers come late and some fail: no user ever goes back."""
    dice = random.Random(7)

    def decide(_received: Received, _number: int) -> Answer:
        time.sleep(dice.random() * 0.02)  # the receiver's work, so that requests overlap
        return Answer(503) if dice.random() < 0.2 else Answer()

    few = USERS[:8]
    with misbehaving(decide) as (url, receiver):
        with running_sink(kafka, settings(url, batch_max=3, concurrency=4)) as sink:
            eventually(sink.ready.is_set)
            # Newer versions keep coming while older ones are on their way.
            versions = count(1)
            while len(receiver.requests) < 400:
                last = next(versions)
                publish(kafka, [presence(aor, last) for aor in few])
            eventually(lambda: receiver.last() == dict.fromkeys(few, last))
        for aor in few:
            accepted = receiver.versions(aor)
            assert len(accepted) > 10
            assert accepted == sorted(set(accepted))
        assert receiver.overlaps == []
    assert lag(kafka) == 0


def test_receiver_unavailable_then_available(kafka: KafkaSettings) -> None:
    """While it is away one state a user waits; afterwards it gets the newest, and only that."""
    back = threading.Event()

    def decide(_received: Received, _number: int) -> Answer:
        return Answer() if back.is_set() else Answer(503)

    with misbehaving(decide) as (url, receiver):
        with running_sink(kafka, settings(url, batch_max=10, concurrency=2)) as sink:
            for version in range(1, 11):
                publish(kafka, [presence(aor, version) for aor in USERS])
            # All but the newest of each user, in Kafka and in requests, are superfluous.
            eventually(lambda: sink.status()["coalesced"] == 9 * len(USERS))
            assert sink.status()["waiting_users"] == len(USERS)
            assert sink.status()["delivered"] == 0
            assert sink.status()["failures"] > 0
            assert "http-503" in sink.status()["last_error"]
            back.set()
            eventually(lambda: sink.status()["waiting_users"] == 0)
            assert sink.status()["delivered"] == len(USERS)
        assert all(receiver.versions(aor) == [10] for aor in USERS)
    assert lag(kafka) == 0


@pytest.mark.parametrize("fault", [429, 500, "hang", "reset"])
def test_transient_failure_is_retried_under_the_same_id(
    kafka: KafkaSettings, fault: int | str
) -> None:
    def decide(_received: Received, number: int) -> Answer:
        return Answer(fault) if number < 2 else Answer()

    with misbehaving(decide) as (url, receiver):
        with running_sink(kafka, settings(url, concurrency=1, timeout_seconds=0.3)) as sink:
            publish(kafka, [presence(USERS[0], 1)])
            eventually(lambda: sink.status()["delivered"] == 1)
            assert sink.status()["failures"] == 2
        assert [r.answer for r in receiver.requests] == [fault, fault, 200]
        assert len({r.message for r in receiver.requests}) == 1
    assert lag(kafka) == 0


def test_receiver_that_starts_later_gets_the_change(kafka: KafkaSettings) -> None:
    with misbehaving() as (url, _receiver):
        pass  # a port that was free a moment ago, and is closed now
    with running_sink(kafka, settings(url)) as sink:
        publish(kafka, [presence(USERS[0], 1)])
        eventually(lambda: "not-connected" in str(sink.status()["last_error"]))
    assert lag(kafka) == 1
    with misbehaving() as (url, receiver), running_sink(kafka, settings(url)):
        eventually(lambda: receiver.last() == {USERS[0]: 1})
    assert lag(kafka) == 0


def test_retry_after_is_honoured(kafka: KafkaSettings) -> None:
    def decide(_received: Received, number: int) -> Answer:
        return Answer(429, {"retry-after": "1"}) if number == 0 else Answer()

    with misbehaving(decide) as (url, receiver):
        with running_sink(kafka, settings(url)):
            publish(kafka, [presence(USERS[0], 1)])
            eventually(lambda: receiver.last())
        first, second = receiver.requests
        assert second.started - first.started >= 1.0


@pytest.mark.parametrize("status", [401, 403, 404])
def test_refusal_of_the_sink_is_reported_until_it_is_accepted(
    kafka: KafkaSettings, status: int
) -> None:
    admitted = threading.Event()

    def decide(_received: Received, _number: int) -> Answer:
        return Answer() if admitted.is_set() else Answer(status)

    with misbehaving(decide) as (url, receiver), running_sink(kafka, settings(url)) as sink:
        eventually(sink.ready.is_set)
        publish(kafka, [presence(aor, 1) for aor in USERS])
        eventually(lambda: not sink.ready.is_set())
        assert f"http-{status}" in sink.status()["refused"]
        assert sink.status()["dead_letters"] == 0
        admitted.set()
        eventually(sink.ready.is_set)
        eventually(lambda: receiver.last() == dict.fromkeys(USERS, 1))
        assert sink.status()["refused"] is None
    assert lag(kafka) == 0


def test_too_large_batch_is_split(kafka: KafkaSettings) -> None:
    def decide(received: Received, _number: int) -> Answer:
        return Answer(413) if len(received.users) > 3 else Answer()

    publish(kafka, [presence(aor, 1) for aor in USERS])
    with misbehaving(decide) as (url, receiver):
        with running_sink(kafka, settings(url, batch_max=16)):
            eventually(lambda: receiver.last() == dict.fromkeys(USERS, 1))
        assert any(r.answer == 413 for r in receiver.requests)
    assert lag(kafka) == 0


@pytest.mark.parametrize("status", [400, 422])
def test_refused_record_is_isolated(kafka: KafkaSettings, status: int) -> None:
    poison = USERS[17]

    def decide(received: Received, _number: int) -> Answer:
        return Answer(status) if poison in received.users else Answer()

    publish(kafka, [presence(aor, 1) for aor in USERS])
    others = dict.fromkeys([aor for aor in USERS if aor != poison], 1)
    with (
        misbehaving(decide) as (url, receiver),
        running_sink(kafka, settings(url, batch_max=16)) as sink,
    ):
        eventually(lambda: receiver.last() == others)
        eventually(lambda: sink.status()["dead_letters"] == 1)
    [letter] = dead_letters(kafka, 1)
    assert f"http-{status}" in letter.reason
    assert letter.size == len(encode(presence(poison, 1)))
    assert lag(kafka) == 0


def test_unreadable_record_goes_to_dead_letters(kafka: KafkaSettings) -> None:
    publish(kafka, [(USERS[0], b'{"aor": "sip:user0@example.com", "version": "one"}')])
    publish(kafka, [presence(aor, 1) for aor in USERS])
    with misbehaving() as (url, receiver), running_sink(kafka, settings(url)):
        eventually(lambda: receiver.last() == dict.fromkeys(USERS, 1))
    [letter] = dead_letters(kafka, 1)
    assert letter.source.startswith(f"{kafka.namespace}rollcall.presence/")
    assert letter.field
    assert lag(kafka) == 0


def test_single_change_is_delivered_at_once(kafka: KafkaSettings) -> None:
    """No stage of the way waits for more to come: a timer in it would show in the median."""
    producer = Producer(kafka.producer())
    seconds: list[float] = []
    with misbehaving() as (url, receiver), running_sink(kafka, settings(url)) as sink:
        eventually(sink.ready.is_set)
        for aor in USERS[:21]:
            began = time.monotonic()
            producer.produce(kafka.name(PRESENCE), key=aor, value=encode(presence(aor, 1)))
            producer.flush()
            eventually(partial(receiver.versions, aor), interval=0.001)
            seconds.append(time.monotonic() - began)
    assert statistics.median(seconds) < 0.05


def test_reading_pauses_while_too_many_wait(kafka: KafkaSettings) -> None:
    back = threading.Event()

    def decide(_received: Received, _number: int) -> Answer:
        return Answer() if back.is_set() else Answer(503)

    many = [f"sip:many{n}@example.com" for n in range(3000)]
    with (
        misbehaving(decide) as (url, receiver),
        running_sink(kafka, settings(url, waiting_max=500)) as sink,
    ):
        eventually(sink.ready.is_set)
        for start in range(0, len(many), 300):
            publish(kafka, [presence(aor, 1) for aor in many[start : start + 300]])
        eventually(lambda: sink.status()["waiting_users"] >= 500)
        # One fetch may overshoot the bound.
        assert sink.status()["waiting_users"] <= 1000
        back.set()
        eventually(lambda: len(receiver.last()) == len(many))
    assert lag(kafka) == 0


def test_second_sink_takes_its_share_and_order_holds(kafka: KafkaSettings) -> None:
    """A rebalance in mid-stream: what one sink had on the way never overtakes the other's."""

    def decide(_received: Received, _number: int) -> Answer:
        time.sleep(0.01)
        return Answer()

    with misbehaving(decide) as (url, receiver):
        wanted = settings(url, batch_max=5, concurrency=2)
        with running_sink(kafka, wanted) as first:
            publish(kafka, [presence(aor, 1) for aor in USERS])
            eventually(lambda: receiver.last() == dict.fromkeys(USERS, 1))
            with running_sink(kafka, wanted) as second:
                versions = count(2)

                def both_work() -> bool:
                    version = next(versions)
                    publish(kafka, [presence(aor, version) for aor in USERS])
                    return bool(second.status()["delivered"] > 50)

                eventually(both_work, 60)
                last = next(versions) - 1
                eventually(lambda: receiver.last() == dict.fromkeys(USERS, last), 60)
                assert first.status()["dead_letters"] == 0
        for aor in USERS:
            # A repeat is allowed across a rebalance, a step back is not.
            assert receiver.versions(aor) == sorted(receiver.versions(aor))
    assert lag(kafka) == 0


def test_revoked_partition_is_released_only_after_the_requests_under_way(
    kafka: KafkaSettings,
) -> None:
    """Else the next owner's newer state could be overtaken by ours."""
    backlog, sending = Backlog(), threading.Lock()
    letters = DeadLetters("user-center", kafka, counted_as="undeliverable")
    reader = Reader(kafka, backlog, letters, lambda: await_requests([sending], 30), waiting_max=10)
    backlog.assign([0])
    revoked = [TopicPartition(kafka.name(PRESENCE), 0)]
    with sending:
        thread = threading.Thread(target=reader._release, args=(revoked,))
        thread.start()
        eventually(lambda: backlog.assignment(0) is None)
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert not thread.is_alive()
    reader.close()
    letters.close()
