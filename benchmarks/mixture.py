"""The whole workload as a log: users who register, refresh, call and leave or crash.

Registrations, calls and connections are produced to their own topics, interleaved as the lives of
many users are; what presence must come to is known for each.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from benchmarks.population import Population, Prepared
from schemas.topics import CALLS, CONNECTIONS, REGISTRATIONS, Topic
from schemas.vocabulary import CallKind, RegistrationKind, Status

TOPICS = (REGISTRATIONS, CALLS, CONNECTIONS)
# Lives that are led at a time: between two events of one user lie as many of others.
ABREAST = 5_000
_REFRESH = RegistrationKind.REFRESHED
# A life. What ends it follows from the user's number.
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
# Of the changes of status in a life: registered, ringing, on the phone, online again.
_CHANGES = 4


@dataclass(slots=True)
class Mixture:
    """`users` lives, each of eight or nine events. Iterate, once, for (topic, record) pairs."""

    users: int
    population: Population = field(init=False)

    def __post_init__(self) -> None:
        self.population = Population(self.users, group="mixture")

    def __iter__(self) -> Iterator[tuple[Topic, Prepared]]:
        for moment in range(self.users + ABREAST * len(_STEPS)):
            for step, kind in enumerate(_STEPS):
                number = moment - step * ABREAST
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
        elif self._crashes(number):
            yield CONNECTIONS, population.close(number)
        elif self._leaves(number):
            yield REGISTRATIONS, population.registration(number, RegistrationKind.UNREGISTERED)

    def _crashes(self, number: int) -> bool:
        return number % 3 == 0 and self.population.transport(number).is_connection

    def _leaves(self, number: int) -> bool:
        return number % 3 == 1

    def statuses(self) -> dict[str, Status]:
        """What each user must be shown as at the end."""
        return {
            self.population.aor(number): Status.OFFLINE if self._is_gone(number) else Status.ONLINE
            for number in range(self.users)
        }

    def changes(self) -> Counter[str]:
        """How many presence records there must be of each user."""
        aor = self.population.aor
        return Counter({aor(n): _CHANGES + self._is_gone(n) for n in range(self.users)})

    def _is_gone(self, number: int) -> bool:
        return self._crashes(number) or self._leaves(number)
