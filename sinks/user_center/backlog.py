"""What waits for the user center: at most one newest state a user, between reader and deliverers.

Invariants: a user is in one request at a time, and newer states of that user wait behind it; the
position committed in Kafka never passes a state that is neither delivered nor superseded.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field

# How many users' last delivered versions are kept, to skip what a replay brings again.
REMEMBERED = 100_000


@dataclass(slots=True, eq=False)
class Assignment:
    """A partition while this process owns it; a later assignment of it is another object."""

    number: int
    outstanding: "OrderedDict[int, None]" = field(default_factory=OrderedDict)
    next_offset: int | None = None
    revoked: bool = False

    @property
    def position(self) -> int | None:
        """The offset to commit: the first not yet settled, None before anything was read."""
        return next(iter(self.outstanding), self.next_offset)


@dataclass(slots=True, eq=False)
class Waiting:
    """One user's state on its way: the CloudEvent is sent as it stands here."""

    partition: Assignment
    offset: int
    aor: str
    version: int
    event: bytes
    since: float = field(default_factory=time.monotonic)


class Backlog:
    """The states on their way. Thread-safe; only `take` blocks."""

    def __init__(self, max_age_seconds: float = 0.0, remembered: int = REMEMBERED) -> None:
        self._changed = threading.Condition()
        self._max_age = max_age_seconds
        self._remembered = remembered
        self._partitions: dict[int, Assignment] = {}
        self._ready: OrderedDict[str, Waiting] = OrderedDict()
        self._sent: dict[str, Waiting] = {}
        self._behind: dict[str, Waiting] = {}
        self._versions: OrderedDict[str, int] = OrderedDict()
        self.coalesced = 0

    def __len__(self) -> int:
        """Users waiting or on the way."""
        with self._changed:
            return len(self._ready) + len(self._sent)

    # -- the reader's side ------------------------------------------------------------------------
    def assign(self, numbers: Iterable[int]) -> None:
        """Partitions that are this process's from now on."""
        with self._changed:
            for number in numbers:
                self._partitions[number] = Assignment(number)

    def revoke(self, numbers: Iterable[int]) -> list[Assignment]:
        """Partitions that are another's from now on: what waits of them is dropped, unsettled.

        A request under way still settles its states in the returned assignments.
        """
        with self._changed:
            revoked = [p for n in numbers if (p := self._partitions.pop(n, None))]
            for partition in revoked:
                partition.revoked = True
            for waiting in (self._ready, self._behind):
                for aor in [a for a, w in waiting.items() if w.partition.revoked]:
                    del waiting[aor]
            return revoked

    def assignment(self, number: int) -> Assignment | None:
        """The partition while it is ours; None after its revocation."""
        with self._changed:
            return self._partitions.get(number)

    def add(self, new: Waiting) -> int:
        """Let one state wait. Returns how many states it made superfluous, itself perhaps."""
        with self._changed:
            if new.partition.revoked:
                return 0
            new.partition.next_offset = new.offset + 1
            new.partition.outstanding[new.offset] = None
            superseded = self._place(new)
            if superseded is not None:
                self._settle(superseded)
                self.coalesced += 1
            self._changed.notify()
            return 0 if superseded is None else 1

    def skip(self, partition: Assignment, offset: int) -> None:
        """Settle an offset that holds nothing to deliver."""
        with self._changed:
            partition.next_offset = offset + 1

    def positions(self, partitions: Iterable[Assignment] | None = None) -> dict[int, int]:
        """By partition, the offset up to which everything is delivered or superseded."""
        with self._changed:
            chosen = self._partitions.values() if partitions is None else partitions
            known = {p.number: p.position for p in chosen}
        return {n: position for n, position in known.items() if position is not None}

    # -- the deliverers' side ---------------------------------------------------------------------
    def take(self, limit: int, timeout: float) -> list[Waiting]:
        """Up to `limit` users' states, the longest waiting first; empty after `timeout` seconds.

        They stay with the caller, who gives them back with `done`, or keeps them with `renew`.
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while (pause := self._pause(limit)) > 0:
                left = deadline - time.monotonic()
                if left <= 0:
                    return []
                self._changed.wait(min(left, pause))
            batch = [
                self._ready.popitem(last=False)[1] for _ in range(min(limit, len(self._ready)))
            ]
            self._sent.update((waiting.aor, waiting) for waiting in batch)
            return batch

    def renew(self, batch: list[Waiting]) -> tuple[list[Waiting], int]:
        """The batch for another attempt: newer states instead of outdated ones, revoked ones left
        out. The same states come back as the same batch; the number is of superseded ones."""
        renewed: list[Waiting] = []
        count = 0
        with self._changed:
            for waiting in batch:
                if waiting.partition.revoked:
                    self._release(waiting)
                elif newer := self._behind.pop(waiting.aor, None):
                    self._sent[waiting.aor] = newer
                    self._settle(waiting)
                    renewed.append(newer)
                    count += 1
                else:
                    renewed.append(waiting)
            self.coalesced += count
            self._changed.notify_all()
        return renewed, count

    def done(self, batch: Iterable[Waiting]) -> None:
        """Settle states: delivered, or put aside for good."""
        with self._changed:
            for waiting in batch:
                self._settle(waiting)
                self._versions[waiting.aor] = waiting.version
                self._versions.move_to_end(waiting.aor)
                self._release(waiting)
            while len(self._versions) > self._remembered:
                self._versions.popitem(last=False)
            self._changed.notify_all()

    # -- under the lock ---------------------------------------------------------------------------
    def _place(self, new: Waiting) -> Waiting | None:
        """Put a state in its place; returns the state it makes superfluous, itself perhaps."""
        if new.version <= self._versions.get(new.aor, 0):
            return new
        sent = self._sent.get(new.aor)
        if sent is not None and not sent.partition.revoked and new.version <= sent.version:
            return new
        queue: dict[str, Waiting] = self._ready if sent is None else self._behind
        old = queue.get(new.aor)
        if old is not None and new.version <= old.version:
            return new
        if old is not None:
            new.since = old.since  # it keeps the old one's place in the queue, and its age
        queue[new.aor] = new
        return old

    def _settle(self, waiting: Waiting) -> None:
        waiting.partition.outstanding.pop(waiting.offset, None)

    def _release(self, waiting: Waiting) -> None:
        """The user is in no request any more; what waited behind is next."""
        if self._sent.get(waiting.aor) is waiting:
            del self._sent[waiting.aor]
            if newer := self._behind.pop(waiting.aor, None):
                self._ready[waiting.aor] = newer

    def _pause(self, limit: int) -> float:
        """Seconds until a batch is due."""
        if not self._ready:
            return float("inf")
        if len(self._ready) >= limit:
            return 0.0
        oldest = next(iter(self._ready.values()))
        return oldest.since + self._max_age - time.monotonic()
