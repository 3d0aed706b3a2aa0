"""How often one client may ask: a token bucket each (pure)."""

from collections import OrderedDict

# Clients remembered; who has been quiet for longest is forgotten first, and has a full bucket.
_CLIENTS_MAX = 100_000


class RequestRate:
    """Buckets by client: `burst` requests at once, and `rate` more each second."""

    def __init__(self, rate: float, burst: int) -> None:
        self._interval = 1.0 / rate
        self._room = (burst - 1) * self._interval
        # When each bucket is full again.
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, client: str, now: float) -> float:
        """0.0: the request is within the rate, and counted. Else the seconds until one would be."""
        full_at = max(now, self._full_at.get(client, now))
        wait = full_at - now - self._room
        if wait > 0:
            return wait
        self._full_at[client] = full_at + self._interval
        self._full_at.move_to_end(client)
        if len(self._full_at) > _CLIENTS_MAX:
            self._full_at.popitem(last=False)
        return 0.0
