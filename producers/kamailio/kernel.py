"""Asks this host's kernel which connection a REGISTER came on, where Kamailio runs here too."""

from typing import NamedTuple

from producers.kamailio.settings import KamailioSettings
from producers.sockets.connection_lookup import ConnectionLookup
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections
from producers.sockets.query import ConnectionQuery, Found
from schemas.origin import Address


class Ends(NamedTuple):
    """The two ends of the evapi connection."""

    server: Address
    own: Address


class KernelWitness(ConnectionLookup):
    """For one server. `on` only after `open` has found it in this network namespace."""

    def __init__(self, settings: KamailioSettings) -> None:
        super().__init__()
        self._mode, self._ports = settings.kernel, settings.sip_ports

    def open(self, ends: Ends) -> None:
        """Decide by the evapi connection: is its other end a socket of this kernel?"""
        self.close()
        if self._mode == "off":
            return
        try:
            why_not = self._attempt(ends)
        except (KernelRefuses, QueryFailed) as error:
            why_not = str(error)
        if why_not:
            self.close()
            self._log_once("the kernel is not asked about registrations", reason=why_not)
        else:
            self._log_once("registrations carry the cookie of their connection")

    def live_connections(
        self, ends: dict[tuple[str, int], int] | None = None
    ) -> tuple[LiveConnections | None, bool]:
        """The clients' connections, None where the kernel is not asked; and whether it is the
        server's kernel, which `open` has found already: `ends` is not needed."""
        del ends
        if self._query is None or not self._ports:
            return None, False
        found = self._list(frozenset(self._ports))
        return found, found is not None

    def _attempt(self, ends: Ends) -> str | None:
        """Why the kernel is not to be asked; None where it is."""
        self._query = ConnectionQuery(self._ports)
        if self._mode == "on":
            return None
        if not self._ports or not self._query.listens():
            return "none of kamailio.sip_ports listens here"
        probe = ConnectionQuery()
        here = probe.cookie_of(ends.server, ends.own)
        probe.close()
        return None if isinstance(here, Found) else "the server runs elsewhere"
