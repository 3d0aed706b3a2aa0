"""What is known of each key: the last result, kept for 24 h (pure).

The memory of record is rollcall.dial-results, which is compacted. A key's call is made once: by
the result, by the switch's own legs, and by the mark that each leg leaves on the switch.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from enum import Enum

from schemas.dialling import DialResult
from schemas.vocabulary import DialState

KEPT = timedelta(hours=24)


class Resumption(Enum):
    """What to do with a call that was under way when the service or the socket ended."""

    CALL = "it was never made: make it"
    ADOPT = "it lives: go on"
    END = "digits may have gone out: end it, never send them twice"
    GONE = "it was made and is over: never make it again"


def resumption(last: DialResult, *, boot: str, lives: bool, is_marked: bool) -> Resumption:
    """`boot`: the node's process now; `lives`: whether it has the leg; `is_marked`: it had it."""
    if last.state is DialState.KEYING:
        return Resumption.END if lives else Resumption.GONE
    if lives:
        return Resumption.ADOPT
    # Another process has forgotten its legs and its marks.
    if is_marked or (last.boot is not None and last.boot != boot):
        return Resumption.GONE
    return Resumption.CALL


class Memory:
    """Results by key. `partition`: of rollcall.dial-results, the same as the command's."""

    def __init__(self) -> None:
        self._results: dict[str, tuple[int, DialResult]] = {}

    def find(self, key: str, now: datetime) -> DialResult | None:
        """The last result of a key, not older than KEPT."""
        found = self._results.get(key)
        if found is None or now - found[1].asked_at > KEPT:
            return None
        return found[1]

    def put(self, partition: int, result: DialResult) -> None:
        """The newest result of its key."""
        self._results[result.key] = partition, result

    def forget_partition(self, partition: int) -> None:
        """Another process has the partition now."""
        self._results = {k: one for k, one in self._results.items() if one[0] != partition}

    def drop_old(self, now: datetime) -> Iterator[str]:
        """Forget keys older than KEPT; yields each, whose tombstone is to be written."""
        old = [
            key
            for key, (_, result) in self._results.items()
            if now - result.asked_at > KEPT and result.state is DialState.ENDED
        ]
        for key in old:
            del self._results[key]
            yield key
