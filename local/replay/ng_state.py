"""What a replayed rtpengine answers at each moment of its recording. Pure but for the clock given.

Each recorded answer to `query` is given once, for the producer publishes one measurement for each;
until the next one is reached `query` is refused. `list` and `statistics` are answered from all that
the recording has shown so far: calls that began and ended, and rtpengine's own counters or, where
they are not recorded, a count of the calls deleted.
"""

from collections import Counter
from typing import Any

from local.replay.ng_recording import Answer, Counted, Deleted, Ended, Listed, Measured, Round

# Epochs in an answer to `query` (call_interfaces.c): in seconds, and in µs.
_SECONDS = frozenset(
    ("last signal", "last packet", "last kernel packet", "last user packet", "last redis update")
) | {"reported at"}
_CREATED, _CREATED_US = "created", "created_ts"
_EPOCH_MIN = 1_000_000_000
# rtpengine's name for calls that the SIP server deleted.
_DELETED = "regularterminatedsessions"
# How much less than the time that passed an uptime may grow without being another process'.
_RESTART_SECONDS = 2.0
UNKNOWN = {"result": "error", "error-reason": "Unknown call-id"}


class NgState:
    """Of one recording on its way; not thread-safe. Times are µs of one clock."""

    def __init__(self, now: int) -> None:
        self._calls: dict[str, Answer | None] = {}  # the answer not yet given
        self._created: dict[str, int] = {}  # by how much the times of a call's beginning move
        self._deleted: set[str] = set()
        self._totals: Answer = {}
        self._count: Counter[str] = Counter()  # beyond `_totals`
        self._began, self._uptime = now, 0
        self._recorded_uptime: tuple[int, float] | None = None

    @property
    def untold(self) -> list[str]:
        """The calls that have a new answer."""
        return [call for call, answer in self._calls.items() if answer is not None]

    def forget_untold(self) -> None:
        """Nobody asks for these answers."""
        self._calls = dict.fromkeys(self._calls)

    def reached(self, shown: Round, now: int) -> None:
        """The replay has come to this round, played at `now`."""
        shift = now - shown.received
        for change in shown.changes:
            if isinstance(change, Listed):
                if change.whole:
                    for call in set(self._calls) - set(change.calls):
                        self._end(call)
                for call in change.calls:
                    self._calls.setdefault(call, None)
            elif isinstance(change, Measured):
                begun = self._created.setdefault(change.call, shift)
                self._calls[change.call] = moved(change.answer, shift, begun)
            elif isinstance(change, Deleted):
                self._deleted.add(change.call)
                if not change.lingers:
                    self._end(change.call)
            elif isinstance(change, Ended):
                self._end(change.call)
            else:
                self._count_from(change, shown.received, now)

    def listed(self, limit: int) -> Answer:
        return {"calls": list(self._calls)[:limit], "result": "ok"}

    def queried(self, call: str) -> Answer:
        """Once; then it is refused as of a call that is not known."""
        answer = self._calls.get(call)
        if answer is None:
            return UNKNOWN
        self._calls[call] = None
        return answer

    def statistics(self, now: int) -> Answer:
        totals = {**self._totals, "uptime": self._up(now)}
        for name, count in self._count.items():
            totals[name] = int(totals.get(name) or 0) + count
        return {"statistics": {"totalstatistics": totals}, "result": "ok"}

    def _end(self, call: str) -> None:
        if call in self._calls:
            del self._calls[call]
            if call in self._deleted:
                self._deleted.discard(call)
                self._count[_DELETED] += 1

    def _count_from(self, counted: Counted, at: int, now: int) -> None:
        totals = counted.answer["statistics"]["totalstatistics"]
        self._totals, self._count = totals, Counter()
        uptime, last = int(totals["uptime"]), self._recorded_uptime
        self._recorded_uptime = uptime, at / 1e6
        if last is None:  # it only grows, as far as the producer has seen
            begun = uptime > self._up(now)
        else:
            begun = uptime < last[0] + (at / 1e6 - last[1]) - _RESTART_SECONDS
        if begun:
            self._began, self._uptime = now, uptime

    def _up(self, now: int) -> int:
        return self._uptime + (now - self._began) // 1_000_000


def moved(value: Any, shift: int, begun: int) -> Any:
    """With every epoch moved by `shift` µs; by `begun` those of when calls and parties began."""
    if isinstance(value, list):
        return [moved(one, shift, begun) for one in value]
    if not isinstance(value, dict):
        return value
    return {name: _moved(name, inner, shift, begun) for name, inner in value.items()}


def _moved(name: str, value: Any, shift: int, begun: int) -> Any:
    if not isinstance(value, int) or isinstance(value, bool) or value < _EPOCH_MIN:
        return moved(value, shift, begun)
    if name == _CREATED_US:
        return value + round(begun / 1_000_000) * 1_000_000
    if name == _CREATED:
        return value + round(begun / 1_000_000)
    return value + round(shift / 1_000_000) if name in _SECONDS else value
