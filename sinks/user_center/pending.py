"""Which state of each user is sent next: the newest, after the one in a request (pure)."""

from collections import OrderedDict
from dataclasses import dataclass

from sinks.user_center.assignment import Assignment


@dataclass(slots=True, eq=False)
class PendingState:
    """One user's state on its way; the CloudEvent `event` is sent as it stands here.

    `since` is when the user's oldest undelivered state was read, on the backlog's clock. One that
    `forgets` its user has version 0, is never superseded by a newer state, and those begin again.
    """

    partition: Assignment
    offset: int
    aor: str
    version: int
    event: bytes
    since: float = 0.0
    forgets: bool = False


class PendingStates:
    """Of each user at most one state in a request, and at most one newest state that waits.

    A waiting state is `ready`, or `behind` the same user's state in a request. What comes after one
    that forgets the user waits until that one is in a request.
    """

    def __init__(self) -> None:
        self._ready: OrderedDict[str, PendingState] = OrderedDict()
        self._sent: dict[str, PendingState] = {}
        self._behind: dict[str, PendingState] = {}
        self._after: dict[str, PendingState] = {}  # behind one that forgets and waits itself

    def __len__(self) -> int:
        """Users with a state that waits or is in a request."""
        return len(self._ready) + len(self._sent)

    @property
    def ready(self) -> int:
        """How many users' states may be sent now."""
        return len(self._ready)

    @property
    def oldest(self) -> PendingState | None:
        """Of the states that may be sent, the one that waits longest."""
        return next(iter(self._ready.values()), None)

    def forgets(self, aor: str) -> bool:
        """Whether a state that forgets the user is on its way."""
        known = (self._sent.get(aor), self._ready.get(aor), self._behind.get(aor))
        return any(state is not None and state.forgets for state in known)

    def add(self, new: PendingState) -> list[PendingState]:
        """Add a state; returns those that are superseded, of which `new` may be one."""
        sent = self._sent.get(new.aor)
        queue: dict[str, PendingState] = self._ready if sent is None else self._behind
        if new.forgets:
            queues = (self._ready, self._behind, self._after)
            superseded = [old for each in queues if (old := each.pop(new.aor, None)) is not None]
            queue[new.aor] = new
            return superseded
        is_old = sent is not None and not sent.partition.revoked and new.version <= sent.version
        if is_old and not self.forgets(new.aor):
            return [new]
        old = queue.get(new.aor)
        if old is not None and old.forgets:
            queue, old = self._after, self._after.get(new.aor)
        if old is not None and new.version <= old.version:
            return [new]
        if old is not None:
            new.since = old.since  # it keeps the old one's place in the queue, and its age
        queue[new.aor] = new
        return [] if old is None else [old]

    def take(self, limit: int) -> list[PendingState]:
        """Up to `limit` ready states, the longest waiting first. They are in a request now."""
        batch = [self._ready.popitem(last=False)[1] for _ in range(min(limit, len(self._ready)))]
        for state in batch:
            self._send(state)
        return batch

    def _send(self, state: PendingState) -> None:
        """The state is in a request; what comes after its user is forgotten waits behind it."""
        self._sent[state.aor] = state
        if state.forgets and (later := self._after.pop(state.aor, None)):
            self._behind[state.aor] = later

    def renew(self, state: PendingState) -> PendingState | None:
        """What to send instead of a taken state: a newer one, else the same.

        None when its partition was revoked; then it is in no request any more.
        """
        if state.partition.revoked:
            self.release(state)
            return None
        if state.forgets:
            return state
        newer = self._behind.pop(state.aor, None)
        if newer is not None:
            self._send(newer)
        return newer or state

    def release(self, state: PendingState) -> None:
        """A taken state is in no request any more; what waited behind it is ready."""
        if self._sent.get(state.aor) is state:
            del self._sent[state.aor]
            if newer := self._behind.pop(state.aor, None):
                self._ready[state.aor] = newer

    def drop_revoked(self) -> None:
        """Forget the waiting states of revoked partitions."""
        for queue in (self._ready, self._behind, self._after):
            for aor in [a for a, state in queue.items() if state.partition.revoked]:
                del queue[aor]


class DeliveredVersions:
    """The versions delivered last, of the `most` users served last: a replay repeats them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._versions: OrderedDict[str, int] = OrderedDict()

    def __len__(self) -> int:
        return len(self._versions)

    def has(self, state: PendingState) -> bool:
        """Whether this state, or a newer one of the user, was delivered."""
        return not state.forgets and state.version <= self._versions.get(state.aor, 0)

    def add(self, state: PendingState) -> None:
        if state.forgets:
            self._versions.pop(state.aor, None)
            return
        self._versions[state.aor] = state.version
        self._versions.move_to_end(state.aor)
        while len(self._versions) > self._most:
            self._versions.popitem(last=False)
