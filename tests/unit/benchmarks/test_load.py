"""The check of a load: it waits for a slow worker, and names missing changes or a failed reader."""

import threading
import time
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.load import check, outcome
from benchmarks.population import Population
from benchmarks.scene import NotReached
from benchmarks.subscriber import Subscriber, SubscriberEnded

# Of the first events of a population every fourth has a user: eight have registered.
USERS, SENT, CHANGES = 100, 32, 8
QUIET_SECONDS = 0.3


class Scripted(Subscriber):
    """A subscriber whose records a test adds."""

    def __init__(self) -> None:
        self.seen, self.last = [], {}
        self._failure = None

    def read(self, population: Population, number: int, *, reachable: bool = True) -> None:
        one: Any = SimpleNamespace(aor=population.aor(number), reachable=reachable)
        self.last[one.aor] = one
        self.seen.append((time.monotonic(), one))

    def fail(self) -> None:
        self._failure = ValueError("no presence")


@pytest.fixture
def population() -> Population:
    return Population(USERS, group="some")


@pytest.fixture
def subscriber() -> Scripted:
    return Scripted()


def test_a_backlog_that_takes_longer_than_the_quiet_time_is_right(
    population: Population, subscriber: Scripted
) -> None:
    def slowly() -> None:
        for number in range(CHANGES):
            time.sleep(QUIET_SECONDS / 3)
            subscriber.read(population, number)

    assert outcome(SENT, USERS)[0] == CHANGES
    reading = threading.Thread(target=slowly)
    reading.start()
    check(subscriber, 0, population, SENT, QUIET_SECONDS)
    reading.join()


def test_missing_changes_are_counted(population: Population, subscriber: Scripted) -> None:
    for number in range(CHANGES - 1):
        subscriber.read(population, number)
    subscriber.read(Population(USERS, group="others"), 0)
    with pytest.raises(NotReached, match="7 of 8 changes of some were read, and none for"):
        check(subscriber, 0, population, SENT, QUIET_SECONDS)


def test_a_user_whose_last_state_is_wrong_and_a_change_too_many_are_wrong(
    population: Population, subscriber: Scripted
) -> None:
    for number in range(CHANGES):
        subscriber.read(population, number)
    subscriber.read(population, 0, reachable=False)
    with pytest.raises(NotReached, match="9 records for 8 changes, 1 users wrong"):
        check(subscriber, 0, population, SENT, QUIET_SECONDS)


def test_a_subscriber_that_has_failed_is_the_reason(
    population: Population, subscriber: Scripted
) -> None:
    subscriber.fail()
    with pytest.raises(SubscriberEnded, match="no presence"):
        check(subscriber, 0, population, SENT, QUIET_SECONDS)
