"""What waits for the user center, between the reader and the deliverers: the lock around it.

Invariants: a user is in one request at a time, and newer states of that user wait behind it; the
position committed in Kafka never passes a state that is neither delivered nor superseded.
"""

import threading
import time
from collections.abc import Callable, Iterable

from runtime.metrics import COALESCED
from sinks.user_center.assignment import Assignment
from sinks.user_center.pending import DeliveredVersions, PendingState, PendingStates

# Of so many users the last delivered version is kept, to skip what a replay repeats.
REMEMBERED = 100_000


class Backlog:
    """The states on their way. Thread-safe; only `take` blocks."""

    def __init__(
        self,
        max_age_seconds: float = 0.0,
        remembered: int = REMEMBERED,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """A batch that is not full is due when its oldest state has waited `max_age_seconds`."""
        self._changed = threading.Condition()
        self._max_age = max_age_seconds
        self._clock = clock
        self._assignments: dict[int, Assignment] = {}
        self._states = PendingStates()
        self._delivered = DeliveredVersions(remembered)
        self.coalesced = 0

    def __len__(self) -> int:
        """Users waiting or in a request."""
        with self._changed:
            return len(self._states)

    # -- for the reader ---------------------------------------------------------------------------
    def assign(self, numbers: Iterable[int]) -> None:
        """Partitions that this process owns from now on."""
        with self._changed:
            for number in numbers:
                self._assignments[number] = Assignment(number)

    def revoke(self, numbers: Iterable[int]) -> list[Assignment]:
        """Partitions that another process owns from now on: their waiting states are dropped.

        A request under way still completes its states in the returned assignments.
        """
        with self._changed:
            revoked = [p for n in numbers if (p := self._assignments.pop(n, None))]
            for partition in revoked:
                partition.revoked = True
            self._states.drop_revoked()
            return revoked

    def assignment(self, number: int) -> Assignment | None:
        """The partition while it is this process's; None after its revocation."""
        with self._changed:
            return self._assignments.get(number)

    def add(self, new: PendingState) -> None:
        """Add a state that was read. It, or an older one, is superseded where two are known."""
        with self._changed:
            if new.partition.revoked:
                return
            new.partition.read(new.offset)
            new.since = self._clock()
            is_known = self._delivered.has(new) and not self._states.forgets(new.aor)
            self._supersede([new] if is_known else self._states.add(new))
            self._changed.notify()

    def skip(self, partition: Assignment, offset: int) -> None:
        """A record was read that holds nothing to deliver."""
        with self._changed:
            partition.skip(offset)

    def positions(self, partitions: Iterable[Assignment] | None = None) -> dict[int, int]:
        """By partition, the offset up to which everything is delivered or superseded."""
        with self._changed:
            chosen = self._assignments.values() if partitions is None else partitions
            known = {p.number: p.position for p in chosen}
        return {n: position for n, position in known.items() if position is not None}

    # -- for the deliverers -----------------------------------------------------------------------
    def take(self, limit: int, timeout: float) -> list[PendingState]:
        """Up to `limit` users' states, the longest waiting first; empty after `timeout` seconds.

        The caller gives them back with `complete`, or keeps them with `renew`.
        """
        deadline = self._clock() + timeout
        with self._changed:
            while (due_in := self._due_in(limit)) > 0:
                left = deadline - self._clock()
                if left <= 0:
                    return []
                self._changed.wait(min(left, due_in))
            return self._states.take(limit)

    def renew(self, batch: list[PendingState]) -> list[PendingState]:
        """The batch for another attempt, with newer states instead of outdated ones and without
        those of revoked partitions. With no change it is the same batch."""
        with self._changed:
            found = [(state, self._states.renew(state)) for state in batch]
            self._supersede([state for state, newer in found if newer not in (state, None)])
            self._changed.notify_all()
        return [newer for _, newer in found if newer is not None]

    def complete(self, batch: Iterable[PendingState]) -> None:
        """These states are delivered, or written to dead letters."""
        with self._changed:
            for state in batch:
                state.partition.complete(state.offset)
                self._delivered.add(state)
                self._states.release(state)
            self._changed.notify_all()

    # -- under the lock ---------------------------------------------------------------------------
    def _supersede(self, states: list[PendingState]) -> None:
        for state in states:
            state.partition.complete(state.offset)
        self.coalesced += len(states)
        COALESCED.add(len(states))

    def _due_in(self, limit: int) -> float:
        """Seconds until a batch is due."""
        if (oldest := self._states.oldest) is None:
            return float("inf")
        if self._states.ready >= limit:
            return 0.0
        return oldest.since + self._max_age - self._clock()
