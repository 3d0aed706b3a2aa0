"""The states of users since this gateway started: the last ones of each, bounded (pure)."""

from collections import deque

from msgspec import Struct

from sinks.gateway.board.row import Row

EACH = 20
OVERALL = 100_000


class State(Struct, frozen=True, gc=False, eq=False):
    """A state, and the ids of the events that prove it; `written_at`: to Kafka, seconds
    since the epoch."""

    row: Row
    evidence: tuple[str, ...]
    written_at: float


class Past:
    """States of all users who have changed. The oldest of all go first."""

    def __init__(self, each: int = EACH, overall: int = OVERALL) -> None:
        self._each, self._overall = each, overall
        # The collector tracks no tuple of what it does not track: no objects change more often.
        self._states: dict[str, tuple[State, ...]] = {}
        self._order: deque[State] = deque()

    def __contains__(self, aor: str) -> bool:
        return aor in self._states

    def add(self, state: State) -> None:
        """Keep a user's newest state."""
        aor = state.row.aor
        self._states[aor] = (*self._states.get(aor, ())[1 - self._each :], state)
        self._order.append(state)
        while len(self._order) > self._overall:
            self._drop(self._order.popleft())

    def of(self, aor: str) -> list[State]:
        """The user's states, the newest first; none for a user who has not changed."""
        return list(reversed(self._states.get(aor, ())))

    def forget(self, aor: str) -> None:
        """A user who has no record any more."""
        self._states.pop(aor, None)

    def _drop(self, oldest: State) -> None:
        states = self._states.get(oldest.row.aor)
        if states and states[0] is oldest:
            if len(states) > 1:
                self._states[oldest.row.aor] = states[1:]
            else:
                del self._states[oldest.row.aor]
