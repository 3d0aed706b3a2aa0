"""The whole workload as a log: users who register, refresh, call, and unregister or disconnect.

Registrations, calls and connections go to their own topics, interleaved as those of many users
are; the right presence of each user is known.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.population import Population, Prepared
from schemas.topic import Topic
from schemas.topics import CALLS, CONNECTIONS, REGISTRATIONS
from schemas.vocabulary import CallKind, RegistrationKind, Status

TOPICS = (REGISTRATIONS, CALLS, CONNECTIONS)
# Users at a time: between two events of one user are as many of others.
CONCURRENT = 5_000
_REFRESH = RegistrationKind.REFRESHED
# A user's events. The last one follows from the user's number.
_STEPS: tuple[RegistrationKind | CallKind | None, ...] = (
    RegistrationKind.REGISTERED,
    _REFRESH,
    _REFRESH,
    CallKind.RINGING,
    CallKind.ANSWERED,
    CallKind.ENDED,
    _REFRESH,
    _REFRESH,
    None,
)
# Changes of status before it: registered, ringing, on the phone, online again.
_CHANGES = 4


@dataclass(slots=True)
class Mixture:
    """Eight or nine events of each user. Iterate, once, for (topic, record) pairs."""

    users: int
    population: Population = field(init=False)

    def __post_init__(self) -> None:
        self.population = Population(self.users, group="mixture")

    def __iter__(self) -> Iterator[tuple[Topic, Prepared]]:
        for turn in range(self.users + CONCURRENT * len(_STEPS)):
            for step, kind in enumerate(_STEPS):
                number = turn - step * CONCURRENT
                if 0 <= number < self.users:
                    yield from self._event(number, kind)

    def _event(
        self, number: int, kind: RegistrationKind | CallKind | None
    ) -> Iterator[tuple[Topic, Prepared]]:
        population = self.population
        if isinstance(kind, RegistrationKind):
            yield REGISTRATIONS, population.registration(number, kind)
        elif isinstance(kind, CallKind):
            yield CALLS, population.call(number, kind)
        elif self._disconnects(number):
            yield CONNECTIONS, population.close(number)
        elif self._unregisters(number):
            yield REGISTRATIONS, population.registration(number, RegistrationKind.UNREGISTERED)

    def _disconnects(self, number: int) -> bool:
        return number % 3 == 0 and self.population.transport(number).is_connection

    def _unregisters(self, number: int) -> bool:
        return number % 3 == 1

    def statuses(self) -> dict[str, Status]:
        """The right status of each user at the end."""
        aor, ends = self.population.aor, {False: Status.ONLINE, True: Status.OFFLINE}
        return {aor(number): ends[self._is_offline(number)] for number in range(self.users)}

    def changes(self) -> Counter[str]:
        """The right number of presence records of each user."""
        aor = self.population.aor
        return Counter({aor(n): _CHANGES + self._is_offline(n) for n in range(self.users)})

    def _is_offline(self, number: int) -> bool:
        return self._disconnects(number) or self._unregisters(number)
