"""Whether a command may be carried out: its destination, and its client's rate (pure)."""

import re
from collections import Counter

from dialling.errors import NotPermitted
from schemas.dialling import DialCommand
from sinks.gateway.limits.request_rate import RequestRate


class Permission:
    """What the settings allow. Nothing may be called where no destination is set."""

    def __init__(
        self, destinations: list[str], *, rate: float, burst: int, calls_max: int, per_client: int
    ) -> None:
        """`destinations`: regular expressions of whole numbers. `rate`: calls a second and client,
        `burst` at once; `calls_max` and `per_client`: at the same time."""
        self._allowed = [re.compile(one) for one in destinations]
        self._rate = RequestRate(rate, burst)
        self._calls_max, self._per_client = calls_max, per_client
        self._running: Counter[str] = Counter()

    def begin(self, command: DialCommand, now: float) -> None:
        """Count the call as running. Raises NotPermitted."""
        if not any(one.fullmatch(command.number) for one in self._allowed):
            raise NotPermitted("destination not allowed (dialling.destinations)")
        if self._running.total() >= self._calls_max:
            raise NotPermitted("too many calls at the same time (dialling.calls_max)")
        if self._running[command.client] >= self._per_client:
            raise NotPermitted("too many calls of this client (dialling.calls_max_per_client)")
        if wait := self._rate.take(command.client, now):
            raise NotPermitted(f"rate of this client, next in {wait:.0f} s (dialling.rate)")
        self._running[command.client] += 1

    def resume(self, client: str) -> None:
        """Count a call that runs since before a restart: it was permitted then."""
        self._running[client] += 1

    def end(self, client: str) -> None:
        """The call is over."""
        self._running[client] -= 1
        if self._running[client] <= 0:
            del self._running[client]
