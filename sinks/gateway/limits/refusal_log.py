"""The log of refusals: each with its client and its reason, but few where there are many (pure)."""

from collections import Counter
from dataclasses import dataclass, field

from runtime.log_limits import BoundedKinds

# Of one reason: so many lines at once, then one each so many seconds with the number left out.
_BURST = 20
_SECONDS = 10.0
_CLIENTS_NAMED = 5
_CLIENTS_MAX = 1_000


@dataclass(slots=True)
class RefusalLog:
    """Decides which refusals are written, and who was behind those that were not."""

    _kinds: BoundedKinds = field(default_factory=lambda: BoundedKinds(_BURST, _SECONDS))
    _left_out: dict[str, Counter[str]] = field(default_factory=dict)

    def admit(self, reason: str, client: str, now: float) -> dict[str, object] | None:
        """None: leave it out. Else what the line has besides: empty, or the number left out since
        the last line of this reason, and the clients with most of them."""
        left_out = self._kinds.admit(reason, now)
        if left_out is None:
            clients = self._left_out.setdefault(reason, Counter())
            if client in clients or len(clients) < _CLIENTS_MAX:
                clients[client] += 1
            return None
        if not left_out:
            return {}
        clients = self._left_out.pop(reason, Counter())
        return {"left_out": left_out, "of": dict(clients.most_common(_CLIENTS_NAMED))}
