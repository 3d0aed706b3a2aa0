"""Users who became unreachable within the last hour: by cause, the last ones, and who flaps (pure).

Times are those of the records in Kafka, so that a gateway that has just started counts what the
topic still holds of the last hour.
"""

from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator
from itertools import dropwhile, islice
from typing import Any

from msgspec import Struct

HOUR = 3600.0
# So many single losses are kept; all are counted.
MOST_LOSSES = 2_000
# So many users' losses are remembered for the count of flaps.
MOST_FLAPPING = 50_000
# Of each of them so many.
MOST_FLAPS = 1_000
# Of so many of them each `expire` looks at: a walk through all would hold up what changes now.
LOOKED_AT = 1_000


class Loss(Struct, frozen=True, gc=False):
    """One user, unreachable because of `cause`. `read_at`: in Kafka; `at`: by its node's clock."""

    aor: str
    domain: str
    cause: str
    at: float
    read_at: float
    nodes: tuple[str, ...]


class Losses:
    """The losses of the last hour."""

    def __init__(self) -> None:
        self.last: deque[Loss] = deque(maxlen=MOST_LOSSES)
        # By minute, the losses by domain and cause; and their sum.
        self._minutes: deque[tuple[int, Counter[tuple[str, str]]]] = deque()
        self._hour: Counter[tuple[str, str]] = Counter()
        self._times: dict[str, array[float]] = {}
        # Those of `_times` that are to be looked at, in turn.
        self._next: Iterator[str] = iter(())

    def add(self, loss: Loss) -> None:
        """Count a loss."""
        self.last.append(loss)
        minute = int(loss.read_at // 60)
        if not self._minutes or self._minutes[-1][0] < minute:
            self._minutes.append((minute, Counter()))
        key = loss.domain, loss.cause
        self._minutes[-1][1][key] += 1
        self._hour[key] += 1
        if loss.aor in self._times or len(self._times) < MOST_FLAPPING:
            times = self._times.setdefault(loss.aor, array("d"))
            if len(times) >= MOST_FLAPS:
                del times[0]
            times.append(loss.read_at)

    def flaps(self, aor: str) -> int:
        """How often the user became unreachable within the hour."""
        times = self._times.get(aor)
        return len(times) if times else 0

    def expire(self, now: float) -> list[str]:
        """Forget what is older than an hour, of flaps a part each time; returns the users who have
        fewer flaps now."""
        since = now - HOUR
        while self._minutes and (self._minutes[0][0] + 1) * 60 <= since:
            self._hour -= self._minutes.popleft()[1]
        fewer = []
        for aor in self._looked_at():
            times = self._times.get(aor)
            if times is None or times[0] >= since:
                continue
            fewer.append(aor)
            times = self._times[aor] = array("d", dropwhile(lambda at: at < since, times))
            if not times:
                del self._times[aor]
        return fewer

    def _looked_at(self) -> list[str]:
        """The next users in turn, each at most once."""
        found = list(islice(self._next, LOOKED_AT))
        if len(found) < LOOKED_AT:
            self._next = iter(list(self._times))
            found += islice(self._next, LOOKED_AT - len(found))
        return found

    def by_cause(self, allows: Callable[[str], bool] | None = None) -> list[dict[str, Any]]:
        """Causes with the number of losses, the most frequent first."""
        found: Counter[str] = Counter()
        for (domain, cause), count in self._hour.items():
            if allows is None or allows(domain):
                found[cause] += count
        return [{"cause": cause, "count": count} for cause, count in found.most_common()]

    def newest(self, count: int, allows: Callable[[str], bool]) -> list[dict[str, Any]]:
        """The last losses of the users that `allows` returns true for, the newest first."""
        # All are looked at: how long it takes shows nothing of the others' losses.
        found = [loss for loss in self.last if allows(loss.aor)][: -count - 1 : -1]
        return [
            {"aor": one.aor, "cause": one.cause, "at": one.at, "nodes": one.nodes} for one in found
        ]
