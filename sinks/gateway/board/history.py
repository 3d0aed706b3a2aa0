"""Users online over time, and when that was not known: a day, the last hour finely (pure).

What is not known is not zero: while Kafka is away or the gateway still reads, a sample has no
count, and users on a node whose events may be missing are counted apart.
"""

from collections import deque
from dataclasses import dataclass
from typing import Any

from sinks.gateway.access.scope import Scope
from sinks.gateway.board.counts import Counts

FINE_SECONDS, COARSE_SECONDS = 10, 120
FINE_SAMPLES, COARSE_SAMPLES = 360, 720
# Domains with a history of their own, the largest at the time a sample is taken.
MOST_DOMAINS = 500


@dataclass(frozen=True, slots=True)
class Sample:
    """At `at` (seconds since the epoch), `reachable` users, of them `unknown` on stale nodes.

    `why` is why nothing is known of this time: kafka-away or starting; None: it is known.
    """

    at: int
    reachable: int
    unknown: int
    why: str | None = None


class History:
    """The samples of one set of users."""

    def __init__(self) -> None:
        self.fine: deque[Sample] = deque(maxlen=FINE_SAMPLES)
        self.coarse: deque[Sample] = deque(maxlen=COARSE_SAMPLES)

    def add(self, sample: Sample) -> None:
        """Add the next sample. Of a time that was partly not known the reason is kept."""
        self.fine.append(sample)
        coarse = self.coarse
        if not coarse or sample.at >= coarse[-1].at + COARSE_SECONDS:
            coarse.append(sample)
        elif sample.why is not None and coarse[-1].why is None:
            coarse[-1] = Sample(coarse[-1].at, 0, 0, sample.why)


class Chronicle:
    """The history of all users, and of each of the larger domains."""

    def __init__(self) -> None:
        self._all = History()
        self._domains: dict[str, History] = {}
        self._last = 0

    def sample(self, now: int, counts: Counts | None, why: str | None) -> None:
        """Take a sample, if one is due. `counts`: None while they are not known."""
        at = now - now % FINE_SECONDS
        if at <= self._last:
            return
        self._last = at
        if counts is None or why is not None:
            for history in (self._all, *self._domains.values()):
                history.add(Sample(at, 0, 0, why or "starting"))
            return
        summary = counts.summary()
        totals = summary.totals
        self._all.add(Sample(at, totals.reachable, totals.unknown))
        largest = sorted(summary.domains, key=lambda name: -summary.domains[name].users)
        self._domains = {
            name: self._domains.get(name) or History() for name in largest[:MOST_DOMAINS]
        }
        for name, history in self._domains.items():
            totals = summary.domains[name]
            history.add(Sample(at, totals.reachable, totals.unknown))

    def as_json(self, scope: Scope) -> dict[str, Any] | None:
        """The samples as `[at, reachable, unknown, why]`, the oldest first.

        None for a viewer of single users, and where a domain has no history of its own.
        """
        if not (histories := self._of(scope)):
            return None
        return {
            "hour": {"seconds": FINE_SECONDS, "samples": _sum([one.fine for one in histories])},
            "day": {"seconds": COARSE_SECONDS, "samples": _sum([one.coarse for one in histories])},
        }

    def newest(self, scope: Scope) -> list[Any] | None:
        """The last of them."""
        last = _sum([deque(list(one.fine)[-1:]) for one in self._of(scope)])
        return last[-1] if last else None

    def _of(self, scope: Scope) -> list[History]:
        if scope.everybody:
            return [self._all]
        found = [one for name in scope.domains if (one := self._domains.get(name))]
        return found if not scope.aors and len(found) == len(scope.domains) else []


def _sum(histories: list[deque[Sample]]) -> list[list[Any]]:
    """The sums by time; at a time without a sample of each domain nothing is known."""
    found: dict[int, list[Any]] = {}
    number: dict[int, int] = {}
    for samples in histories:
        for one in samples:
            total = found.setdefault(one.at, [one.at, 0, 0, None])
            total[1] += one.reachable
            total[2] += one.unknown
            total[3] = total[3] or one.why
            number[one.at] = number.get(one.at, 0) + 1
    for at, total in found.items():
        if number[at] < len(histories):
            total[3] = total[3] or "starting"
    return [found[at] for at in sorted(found)]
