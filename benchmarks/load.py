"""Load: users who come, refresh and leave at a steady rate, by an open loop (`open_loop.py`).

The id of each event tells when it was due, so a delay counts from then.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.open_loop import OpenLoop
from benchmarks.population import Population, Prepared
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


@dataclass(frozen=True, slots=True)
class _Lives:
    """The users' events, one after the other."""

    population: Population

    def record(self, index: int, due: int) -> Prepared | None:
        event = event_of(index, self.population.users)
        return None if event is None else self.population.registration(*event, mark_of(due))


class Load(OpenLoop):
    """Runs from construction to `stop`, which tells how many events have been due."""

    def __init__(self, kafka: KafkaSettings, rate: int, population: Population) -> None:
        """`rate`: events a second; with as many users it takes three seconds to reach it."""
        self.population, self.rate = population, rate
        queue = {"queue.buffering.max.messages": 500_000}
        super().__init__(kafka, REGISTRATIONS, rate, _Lives(population), **queue)
