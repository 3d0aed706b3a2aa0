"""Load: users who register, refresh and unregister at a steady rate (open loop: `open_loop.py`).

The id of each event has its due time, from which delays count.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.open_loop import OpenLoop
from benchmarks.population import Population, Prepared
from benchmarks.scene import NotReached
from benchmarks.subscriber import Seen, Subscriber
from runtime.kafka import KafkaSettings
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import RegistrationKind

# A user's events, repeated: half of them change presence.
CYCLE = (
    RegistrationKind.REGISTERED,
    RegistrationKind.REFRESHED,
    RegistrationKind.REFRESHED,
    RegistrationKind.UNREGISTERED,
)
_MARK = ":due="
# After so long without a change, changes are missing. A worker that is killed stands still for some
# ten seconds.
QUIET_SECONDS = 60.0
_POLL_SECONDS = 0.05


def event_of(index: int, users: int) -> tuple[int, RegistrationKind] | None:
    """(user, kind) of event number `index`, from 0; None where that user has not begun yet.

    The kinds alternate, each a quarter of the users behind the one before, so that at any time as
    many users register as unregister. All have begun after three events a user.
    """
    slot, phase = divmod(index, len(CYCLE))
    turn = slot - phase * (users // len(CYCLE))
    return (turn % users, CYCLE[phase]) if turn >= 0 else None


def outcome(events: int, users: int) -> tuple[int, dict[int, bool]]:
    """The right result of so many events: changes of presence, and by user whether reachable."""
    changes, reachable = 0, dict[int, bool]()
    for index in range(events):
        event = event_of(index, users)
        if event is not None and event[1] is not RegistrationKind.REFRESHED:
            reachable[event[0]] = event[1] is RegistrationKind.REGISTERED
            changes += 1
    return changes, reachable


def due_of(evidence: list[str]) -> float | None:
    """When the event of a presence record was due, monotonic seconds; None if not of the load.

    The first item of evidence is the event itself.
    """
    _, found, due = evidence[0].partition(_MARK)
    return int(due) / 1e9 if found else None


def mark_of(due_ns: int) -> str:
    """The end of the id of an event due at that time."""
    return f"{_MARK}{due_ns}"


def delays(records: Iterable[tuple[float, Seen]]) -> list[tuple[float, float]]:
    """(due, seconds until it was read) of each record of a marked event."""
    pairs = ((at, due_of(one.evidence)) for at, one in records)
    return [(due, at - due) for at, due in pairs if due is not None]


def check(
    subscriber: Subscriber,
    mark: int,
    population: Population,
    sent: int,
    quiet_seconds: float = QUIET_SECONDS,
) -> None:
    """Wait until the changes of `sent` events, and no others, were read after the `mark`th record.

    Each change of presence must have been published once, and each user's last state be right. A
    backlog may take as long as it likes: only when no change of the population comes any more for
    `quiet_seconds` are changes missing. Raises NotReached, SubscriberEnded.
    """
    changes, reachable = outcome(sent, population.users)
    read = _wait_for(changes, subscriber, mark, population.group, quiet_seconds)
    wrong = [
        number
        for number, is_there in reachable.items()
        if subscriber.last[population.aor(number)].reachable is not is_there
    ]
    if wrong or read != changes:
        raise NotReached(f"{read} records for {changes} changes, {len(wrong)} users wrong")


def _wait_for(
    changes: int, subscriber: Subscriber, mark: int, group: str, quiet_seconds: float
) -> int:
    """The number of the group's records once there are so many."""
    read, moved = 0, time.monotonic()
    while True:
        subscriber.raise_failure()
        found = sum(1 for _ in subscriber.since(mark, group))
        if found >= changes:
            return found
        if found > read:
            read, moved = found, time.monotonic()
        elif time.monotonic() - moved > quiet_seconds:
            raise NotReached(
                f"{found} of {changes} changes of {group} were read, and none for "
                f"{quiet_seconds:.0f} s"
            )
        time.sleep(_POLL_SECONDS)


@dataclass(frozen=True, slots=True)
class _Events:
    """The users' events in order."""

    population: Population

    def record(self, index: int, due: int) -> Prepared | None:
        event = event_of(index, self.population.users)
        return None if event is None else self.population.registration(*event, mark_of(due))


class Load(OpenLoop):
    """Runs from construction to `stop`, which returns how many events were due."""

    def __init__(self, kafka: KafkaSettings, rate: int, population: Population) -> None:
        """`rate`: events a second; with as many users it takes three seconds to reach it."""
        self.population, self.rate = population, rate
        queue = {"queue.buffering.max.messages": 500_000}
        super().__init__(kafka, REGISTRATIONS, rate, _Events(population), **queue)
