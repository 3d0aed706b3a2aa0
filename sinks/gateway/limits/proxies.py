"""The address of a client, also behind proxies (pure)."""

import ipaddress
from collections.abc import Iterable

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxies:
    """The proxies that are believed: each adds to `X-Forwarded-For` whom it got a request from."""

    def __init__(self, networks: Iterable[str] = ()) -> None:
        """Raises ValueError for what is no address or network."""
        self._networks: list[Network] = [ipaddress.ip_network(one) for one in networks]

    def has(self, address: str) -> bool:
        """Whether it is the address of a proxy."""
        if not self._networks:
            return False
        try:
            parsed = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(parsed in network for network in self._networks)

    def client(self, peer: str, forwarded: Iterable[str]) -> str:
        """The client's address. `peer`: whom the connection is from; `forwarded`: the headers.

        The last address that is none of a proxy: the client may have written what is before it.
        """
        if not self.has(peer):
            return peer
        found = peer
        hops = [hop.strip() for line in forwarded for hop in line.split(",")]
        for hop in reversed(hops):
            try:
                found = str(ipaddress.ip_address(hop))
            except ValueError:
                return found
            if not self.has(found):
                return found
        return found
