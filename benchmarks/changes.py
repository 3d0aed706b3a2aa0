"""Presence changes at a steady rate, straight into rollcall.presence: for what reads it.

An open loop in a process of its own, as `load.py`: each change is due at its moment, which its
evidence carries. Every user changes as often as any other, in an order that hops about.
"""

import multiprocessing
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event

from confluent_kafka import Producer

from benchmarks.load import mark_of
from benchmarks.population import Population, Prepared
from benchmarks.scene import NotReached
from runtime.kafka import KafkaSettings
from schemas.cloudevents import headers
from schemas.codec import encode
from schemas.presence import Presence, PresenceBinding
from schemas.topics import PRESENCE
from schemas.vocabulary import Cause, Status

# Prime, so that a round of changes takes every user once, whatever their number.
_HOP = 7_919
_STOP_SECONDS = 60.0


@dataclass
class Roll:
    """Users with a presence record each; the first is version 1."""

    population: Population

    def user_of(self, index: int) -> int:
        """The user of change number `index`, from 0."""
        return index * _HOP % self.population.users

    def version_of(self, index: int) -> int:
        return 2 + index // self.population.users

    def newest(self, changes: int) -> dict[str, int]:
        """By AOR, the version after so many changes."""
        rounds, more = divmod(changes, self.population.users)
        ahead = {self.user_of(index) for index in range(more)}
        users = range(self.population.users)
        return {self.population.aor(n): 1 + rounds + (n in ahead) for n in users}

    def first(self) -> Iterator[Prepared]:
        """Everybody's first record."""
        return (self.record(number, 1, "first") for number in range(self.population.users))

    def record(self, number: int, version: int, evidence: str) -> Prepared:
        """One user's presence, as the streams write it: odd versions are reachable."""
        aor, at, online = self.population.aor(number), datetime.now(UTC), version % 2 == 1
        remote = self.population.remote(number)
        transport = self.population.transport(number)
        binding = PresenceBinding(
            node=self.population.node(number),
            contact=f"sip:{number}@{remote.ip}:{remote.port};transport={transport}",
            transport=transport,
            remote=remote,
            registrar="internal",
            user_agent="Benchmark/1.0",
            since=at,
        )
        presence = Presence(
            aor=aor,
            version=version,
            status=Status.ONLINE if online else Status.OFFLINE,
            reachable=online,
            cause=Cause.REGISTERED if online else Cause.UNREGISTERED,
            at=at,
            bindings=[binding] if online else [],
            calls=[],
            evidence=[evidence],
        )
        id_ = f"{aor}/{version}"
        found = headers(PRESENCE, id=id_, source="rollcall/streams", subject=aor, time=at)
        return aor, encode(presence), found


class Changes:
    """Runs from construction to `stop`."""

    def __init__(self, kafka: KafkaSettings, roll: Roll, rate: int, first: int) -> None:
        """`rate` changes a second, from change number `first` on."""
        context = multiprocessing.get_context("spawn")  # this process has threads
        self._stop = context.Event()
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=_run, args=(kafka, roll, rate, first, self._stop, theirs), daemon=True
        )
        self._process.start()
        self._pipe.recv()  # it has begun

    def stop(self) -> int:
        """How many changes there have been in all; they are delivered. Raises NotReached."""
        self._stop.set()
        if not self._pipe.poll(_STOP_SECONDS):
            raise NotReached("the changes do not end")
        changes: int = self._pipe.recv()
        self._process.join()
        return changes


def _run(
    kafka: KafkaSettings, roll: Roll, rate: int, first: int, stop: Event, pipe: Connection
) -> None:
    producer = Producer(kafka.producer())
    name = kafka.name(PRESENCE)
    producer.list_topics(timeout=10)  # connected, before the clock starts
    pipe.send(None)
    began, sent = time.monotonic_ns(), 0
    while not stop.is_set():
        wanted = (time.monotonic_ns() - began) * rate // 1_000_000_000
        while sent < wanted:
            index, due = first + sent, began + sent * 1_000_000_000 // rate
            evidence = f"change/{index}{mark_of(due)}"
            user, version = roll.user_of(index), roll.version_of(index)
            key, value, head = roll.record(user, version, evidence)
            producer.produce(name, value, key, headers=head)
            sent += 1
        producer.poll(0)
        time.sleep(0.001)
    producer.flush(_STOP_SECONDS)
    pipe.send(first + sent)
