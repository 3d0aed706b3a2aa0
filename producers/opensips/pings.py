"""Counts the OPTIONS pings in a row that each contact left unanswered. Bounded."""

from collections import OrderedDict

_MAX_CONTACTS = 200_000


class Pings:
    """By AOR and binding. A contact that is forgotten begins anew."""

    def __init__(self) -> None:
        self._lost: OrderedDict[int, int] = OrderedDict()

    def pinged(self, aor: str, binding: str, *, answered: bool) -> tuple[int | None, int]:
        """Pings lost in a row before this one and now; None before the first."""
        key = hash((aor, binding))
        before = self._lost.get(key)
        now = 0 if answered else (before or 0) + 1
        self._lost[key] = now
        self._lost.move_to_end(key)
        if len(self._lost) > _MAX_CONTACTS:
            self._lost.popitem(last=False)
        return before, now

    def reset(self, key: int) -> None:
        """The contact was renewed, or has ended; `key` is the hash of AOR and binding."""
        self._lost.pop(key, None)
