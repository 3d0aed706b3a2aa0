"""Load: users who come, refresh and leave at a steady rate, from a process of its own.

An open loop: each event is due at its moment whatever became of those before, and its id tells
that moment. So a delay counts from when the event should have happened, and a stalled pipeline
delays everything behind it, as it would in life.
"""

import multiprocessing
import time
from collections.abc import Iterable
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from confluent_kafka import Producer

from benchmarks.population import Population
from benchmarks.scene import NotReached, wait
from benchmarks.subscriber import Seen, Subscriber
from runtime.kafka import KafkaSettings
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind

# A user's life, again and again: half of the events change presence.
CYCLE = (
    RegistrationKind.REGISTERED,
    RegistrationKind.REFRESHED,
    RegistrationKind.REFRESHED,
    RegistrationKind.UNREGISTERED,
)
_STOP_SECONDS = 60.0
_MARK = ":due="


def event_of(index: int, users: int) -> tuple[int, RegistrationKind] | None:
    """(user, kind) of event number `index`, from 0; none where that user has not begun yet.

    The kinds alternate, each a quarter of the users behind the one before, so that at any time as
    many come as leave. It takes three events a user until all of them are under way.
    """
    slot, phase = divmod(index, len(CYCLE))
    turn = slot - phase * (users // len(CYCLE))
    return (turn % users, CYCLE[phase]) if turn >= 0 else None


def outcome(events: int, users: int) -> tuple[int, dict[int, bool]]:
    """What so many must come to: changes of presence, and by user whether they are reachable."""
    changes, reachable = 0, dict[int, bool]()
    for index in range(events):
        event = event_of(index, users)
        if event is not None and event[1] is not RegistrationKind.REFRESHED:
            reachable[event[0]] = event[1] is RegistrationKind.REGISTERED
            changes += 1
    return changes, reachable


def due_of(evidence: list[str]) -> float | None:
    """When the event that a presence record came of was due, monotonic seconds; or not the load's.

    The first piece of evidence is the event itself.
    """
    _, found, due = evidence[0].partition(_MARK)
    return int(due) / 1e9 if found else None


def mark_of(due_ns: int) -> str:
    """What the id of an event due then ends with."""
    return f"{_MARK}{due_ns}"


def delays(records: Iterable[tuple[float, Seen]]) -> list[tuple[float, float]]:
    """(due, seconds until it was read) of each record that came of a marked event."""
    pairs = ((at, due_of(one.evidence)) for at, one in records)
    return [(due, at - due) for at, due in pairs if due is not None]


def check(subscriber: Subscriber, mark: int, population: Population, sent: int) -> None:
    """Wait until `sent` events have had their effect, and only that, since the `mark`th record.

    Each change of presence must have been told once, and each user's last word must be right.
    Raises NotReached.
    """
    (changes, reachable), group = outcome(sent, population.users), population.group

    def told() -> int:
        return sum(1 for _ in subscriber.since(mark, group))

    wait(lambda: len(subscriber.seen) - mark >= changes and told() >= changes, 120, "all changes")
    wrong = [
        number
        for number, is_there in reachable.items()
        if subscriber.last[population.aor(number)].reachable is not is_there
    ]
    if wrong or told() != changes:
        raise NotReached(f"{told()} records for {changes} changes, {len(wrong)} users wrong")


class Load:
    """Runs from construction to `stop`."""

    def __init__(self, kafka: KafkaSettings, rate: int, population: Population) -> None:
        """`rate`: events a second; with as many users it takes three seconds to reach it."""
        context = multiprocessing.get_context("spawn")  # this process has threads
        self.population, self.rate = population, rate
        self._stop = context.Event()
        own, theirs = context.Pipe()
        self._pipe = own
        self._process = context.Process(
            target=_run, args=(kafka, rate, population, self._stop, theirs), daemon=True
        )
        self._process.start()
        own.recv()  # it has begun

    def stop(self) -> int:
        """How many events it has published; all are delivered. Raises NotReached."""
        self._stop.set()
        if not self._pipe.poll(_STOP_SECONDS):
            raise NotReached("the load does not end")
        sent: int = self._pipe.recv()
        self._process.join()
        return sent

    def kill(self) -> None:
        """Whatever it was doing."""
        self._process.kill()


def _run(
    kafka: KafkaSettings, rate: int, population: Population, stop: Event, pipe: Connection
) -> None:
    producer = Producer(kafka.producer(**{"queue.buffering.max.messages": 500_000}))
    name, users = kafka.name(REGISTRATIONS), population.users
    producer.list_topics(timeout=10)  # connected, before the clock starts
    pipe.send(None)
    began, sent = time.monotonic_ns(), 0
    while not stop.is_set():
        wanted = (time.monotonic_ns() - began) * rate // 1_000_000_000
        while sent < wanted:
            event, due = event_of(sent, users), began + sent * 1_000_000_000 // rate
            sent += 1
            if event is not None:
                key, value, headers = population.registration(*event, mark_of(due))
                producer.produce(name, value, key, headers=headers)
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(_STOP_SECONDS)
    pipe.send(sent)
