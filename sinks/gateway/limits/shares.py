"""How many subscriptions each client has open (pure)."""

from collections import Counter

from runtime.connection_guard import network_of
from sinks.gateway.access.identity import Identity
from sinks.gateway.errors import TooMany
from sinks.gateway.limits.settings import LimitSettings


class Shares:
    """The open subscriptions, by the holder of the token and by address."""

    def __init__(self, limits: LimitSettings) -> None:
        self._limits = limits
        self._by_client: Counter[str] = Counter()
        self._by_network: Counter[str] = Counter()

    def check(self, identity: Identity) -> None:
        """Raises TooMany: there is no room for another one of this client."""
        if self._by_client[identity.client] >= self._limits.subscribers_per_token:
            raise TooMany("too many subscriptions of this token", reason="token", retry_after=5)
        network = network_of(identity.address)
        if self._by_network[network] >= self._limits.connections_per_address:
            raise TooMany("too many subscriptions of this address", reason="address", retry_after=5)

    def add(self, identity: Identity) -> None:
        """A subscription begins."""
        self._by_client[identity.client] += 1
        self._by_network[network_of(identity.address)] += 1

    def remove(self, identity: Identity) -> None:
        """It has ended."""
        for counter, key in (
            (self._by_client, identity.client),
            (self._by_network, network_of(identity.address)),
        ):
            counter[key] -= 1
            if not counter[key]:
                del counter[key]
