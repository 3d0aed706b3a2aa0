"""The calls that rtpengine lists: which are new, due to be measured, no longer listed. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from producers.rtpengine.answers import Figures
from producers.rtpengine.end_reasons import EndedCall

_CALL_ID_MAX = 1024


@dataclass(slots=True)
class Call:
    """One listed call. `figures` are the last measured; `is_refused` after its first dead letter.

    `due` is when to measure it next, in monotonic seconds.
    """

    call_id: str
    seen_at: datetime
    due: float
    figures: Figures
    is_measured: bool = False
    is_refused: bool = False

    def ended(self) -> EndedCall:
        """The call as it was measured last."""
        created_at = self.figures.created_at or self.seen_at
        silent_since = self.figures.last_packet_at or created_at
        return EndedCall(self.call_id, self.figures, silent_since, created_at)


class Calls:
    """By Call-ID. `now` is monotonic seconds."""

    def __init__(self) -> None:
        self._calls: dict[str, Call] = {}
        self._unusable: set[str] = set()

    def __len__(self) -> int:
        return len(self._calls)

    def __contains__(self, call_id: object) -> bool:
        return call_id in self._calls

    def listed(self, call_ids: Iterable[str], at: datetime, now: float) -> list[str]:
        """Add what is new in a listing. Returns Call-IDs that no record can carry, each once."""
        unusable = set()
        for call_id in call_ids:
            if call_id in self._calls:
                continue
            if _is_usable(call_id):
                self._calls[call_id] = Call(call_id, at, now, Figures(None, [], []))
            else:
                unusable.add(call_id)
        before, self._unusable = self._unusable, unusable
        return sorted(unusable - before)

    def missing(self, call_ids: Iterable[str]) -> list[Call]:
        """Remove and return the calls that a complete listing lacks."""
        listed = set(call_ids)
        return [self._calls.pop(call_id) for call_id in set(self._calls) - listed]

    def remove(self, call: Call) -> None:
        del self._calls[call.call_id]

    def due(self, now: float) -> list[Call]:
        """Calls to be measured, the most overdue first."""
        return sorted((c for c in self._calls.values() if c.due <= now), key=lambda c: c.due)


def _is_usable(call_id: str) -> bool:
    """Whether it is UTF-8 (other bytes are lone surrogates here), and not too long."""
    try:
        call_id.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(call_id) <= _CALL_ID_MAX
