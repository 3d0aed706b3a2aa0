"""The state of a replayed rtpengine, and its answers at each point of the recording. Pure.

Each recorded answer to `query` is given once, because the producer publishes one measurement for
each; until the next one is reached, `query` is refused. `list` and `statistics` are answered from
everything up to here: calls that began and ended, and rtpengine's own counters or, where these are
not recorded, a count of the deleted calls.
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
# An uptime that grows by this much less than the time that passed is another process'.
_RESTART_SECONDS = 2.0
UNKNOWN = {"result": "error", "error-reason": "Unknown call-id"}


class NgState:
    """The state at the current position; not thread-safe. Times are µs of one clock."""

    def __init__(self, now: int) -> None:
        self._calls: dict[str, Answer | None] = {}  # the answer that was not given yet
        self._created: dict[str, int] = {}  # the shift for times of a call's beginning
        self._deleted: set[str] = set()
        self._totals: Answer = {}
        self._count: Counter[str] = Counter()  # in addition to `_totals`
        self._began, self._uptime = now, 0
        self._recorded_uptime: tuple[int, float] | None = None

    @property
    def pending(self) -> list[str]:
        """The calls with an answer that was not given yet."""
        return [call for call, answer in self._calls.items() if answer is not None]

    def drop_pending(self) -> None:
        """Drop the answers that the producer does not ask for."""
        self._calls = dict.fromkeys(self._calls)

    def reached(self, shown: Round, now: int) -> None:
        """The replay has reached this round, at `now`."""
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
        """The answer to `list`."""
        return {"calls": list(self._calls)[:limit], "result": "ok"}

    def queried(self, call: str) -> Answer:
        """The answer to `query`, once; then it is refused as for an unknown call."""
        answer = self._calls.get(call)
        if answer is None:
            return UNKNOWN
        self._calls[call] = None
        return answer

    def statistics(self, now: int) -> Answer:
        """The answer to `statistics`."""
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
        if last is None:  # for the producer it must only grow
            begun = uptime > self._up(now)
        else:
            begun = uptime < last[0] + (at / 1e6 - last[1]) - _RESTART_SECONDS
        if begun:
            self._began, self._uptime = now, uptime

    def _up(self, now: int) -> int:
        return self._uptime + (now - self._began) // 1_000_000


def moved(value: Any, shift: int, begun: int) -> Any:
    """The value with every epoch moved by `shift` µs, or by `begun` for a beginning of a call."""
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
