"""Presence changes at a steady rate, straight into rollcall.presence, for its readers.

An open loop (`open_loop.py`), as `load.py`: the evidence of each change has its due time. All users
change equally often, in an order with strides.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.load import mark_of
from benchmarks.open_loop import OpenLoop
from benchmarks.population import Population, Prepared
from runtime.kafka import KafkaSettings
from schemas.cloudevents import headers
from schemas.codec import encode
from schemas.presence import Presence, PresenceBinding
from schemas.topics import PRESENCE
from schemas.vocabulary import Cause, Status

# Prime, so that a round of changes has every user once.
_STRIDE = 7_919


@dataclass
class Roll:
    """Users with a presence record each; the first is version 1."""

    population: Population

    def user_of(self, index: int) -> int:
        """The user of change number `index`, from 0."""
        return index * _STRIDE % self.population.users

    def version_of(self, index: int) -> int:
        return 2 + index // self.population.users

    def newest(self, changes: int) -> dict[str, int]:
        """By AOR, the version after so many changes."""
        rounds, more = divmod(changes, self.population.users)
        ahead = {self.user_of(index) for index in range(more)}
        users = range(self.population.users)
        return {self.population.aor(n): 1 + rounds + (n in ahead) for n in users}

    def first(self) -> Iterator[Prepared]:
        """The first record of every user."""
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


@dataclass(frozen=True, slots=True)
class _Changes:
    """The changes from number `first` on."""

    roll: Roll
    first: int

    def record(self, index: int, due: int) -> Prepared:
        number, roll = self.first + index, self.roll
        evidence = f"change/{number}{mark_of(due)}"
        return roll.record(roll.user_of(number), roll.version_of(number), evidence)


class Changes(OpenLoop):
    """Runs from construction to `stop`."""

    def __init__(self, kafka: KafkaSettings, roll: Roll, rate: int, first: int) -> None:
        """`rate` changes a second, from change number `first` on."""
        self._first = first
        super().__init__(kafka, PRESENCE, rate, _Changes(roll, first))

    def stop(self) -> int:
        """Stop; returns the number of all changes, which are delivered. Raises NotReached."""
        return self._first + super().stop()
