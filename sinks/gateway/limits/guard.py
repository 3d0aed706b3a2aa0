"""The gateway's limits together: one object that requests and subscriptions pass."""

from runtime.connection_guard import network_of
from sinks.gateway.errors import TooMany
from sinks.gateway.limits.proxies import Proxies
from sinks.gateway.limits.request_rate import RequestRate
from sinks.gateway.limits.settings import LimitSettings
from sinks.gateway.limits.shares import Shares


class Limits:
    """Belongs to the event loop."""

    def __init__(self, settings: LimitSettings) -> None:
        self.settings = settings
        self.proxies = Proxies(settings.trusted_proxies)
        self.shares = Shares(settings)
        self._rate = RequestRate(settings.requests_per_second, settings.requests_burst)

    def check_address(self, address: str, now: float) -> None:
        """Count a request of an address. Raises TooMany."""
        self._take(f"address {network_of(address)}", now)

    def check_client(self, client: str, now: float) -> None:
        """Count a request of a token's holder. Raises TooMany."""
        self._take(f"client {client}", now)

    def _take(self, client: str, now: float) -> None:
        if wait := self._rate.take(client, now):
            raise TooMany("too many requests", reason="rate", retry_after=max(1.0, wait))
