"""The calls rtpengine lists: which are new, which are due to be measured, which are gone. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from producers.rtpengine.answers import Figures
from producers.rtpengine.reckoning import Gone

_CALL_ID_MAX = 1024


@dataclass(slots=True)
class Call:
    """One call; `figures` are the last ones measured, `refused` tells of a dead letter already."""

    call_id: str
    seen_at: datetime
    due: float
    figures: Figures
    measured: bool = False
    refused: bool = False

    def gone(self) -> Gone:
        created_at = self.figures.created_at or self.seen_at
        return Gone(self.call_id, self.figures.last_packet_at or created_at, created_at)


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
        """Take note of a listing; Call-IDs in it that no record can carry, each told once."""
        unusable = set()
        for call_id in call_ids:
            if call_id in self._calls:
                continue
            if _is_usable(call_id):
                self._calls[call_id] = Call(call_id, at, now, Figures(None, [], []))
            else:
                unusable.add(call_id)
        told, self._unusable = self._unusable, unusable
        return sorted(unusable - told)

    def missing(self, call_ids: Iterable[str]) -> list[Call]:
        """Remove and return those that a complete listing does not have."""
        listed = set(call_ids)
        return [self._calls.pop(call_id) for call_id in set(self._calls) - listed]

    def remove(self, call: Call) -> None:
        del self._calls[call.call_id]

    def due(self, now: float) -> list[Call]:
        """Those to be measured, the most overdue first."""
        return sorted((c for c in self._calls.values() if c.due <= now), key=lambda c: c.due)


def _is_usable(call_id: str) -> bool:
    """Of a length, and of UTF-8 (other bytes are lone surrogates here)."""
    try:
        call_id.encode()
    except UnicodeEncodeError:
        return False
    return 0 < len(call_id) <= _CALL_ID_MAX
