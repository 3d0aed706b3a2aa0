"""Asks this host's kernel which connection a REGISTER came on, where the server runs here too."""

from typing import NamedTuple

from producers.kamailio.settings import KamailioSettings
from producers.sockets.connection_lookup import denied, shows_binding, testify
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, live_connections
from producers.sockets.query import ConnectionQuery, Found
from producers.translated import Translated
from runtime import logs
from schemas.origin import Address
from schemas.topics import CONNECTIONS

log = logs.get(__name__)


class Ends(NamedTuple):
    """Of the evapi connection: the server's end and our own."""

    server: Address
    own: Address


class KernelWitness:
    """Of one server. `on` only after `look` has found it in this network namespace."""

    def __init__(self, settings: KamailioSettings) -> None:
        self._mode, self._ports = settings.kernel, settings.sip_ports
        self._query: ConnectionQuery | None = None

    @property
    def on(self) -> bool:
        return self._query is not None

    def look(self, ends: Ends) -> None:
        """Decide by the evapi connection: is its other end a socket of this kernel?"""
        self.close()
        if self._mode == "off":
            return
        try:
            why_not = self._open(ends)
        except (KernelRefuses, QueryFailed) as error:
            why_not = str(error)
        if why_not:
            self.close()
            log.info("the kernel is not asked about registrations", reason=why_not)
        else:
            log.info("registrations carry their connection's cookie")

    def close(self) -> None:
        if self._query:
            self._query.close()
        self._query = None

    def _open(self, ends: Ends) -> str | None:
        self._query = ConnectionQuery(self._ports)
        if self._mode == "on":
            return None
        if not self._ports or not self._query.listens():
            return "none of kamailio.sip_ports listens here"
        probe = ConnectionQuery()
        here = probe.cookie_of(ends.server, ends.own)
        probe.close()
        return None if isinstance(here, Found) else "the server runs elsewhere"

    def living(self) -> LiveConnections | None:
        """The clients' connections that the server's kernel has; None where it is not asked."""
        if self._query is None or not self._ports:
            return None
        try:
            return live_connections(self._ports)
        except (KernelRefuses, QueryFailed) as error:
            log.warning("the kernel gives no list of connections", detail=str(error))
            return None

    def testify(self, records: list[Translated]) -> list[Translated]:
        """Put the cookie on registrations; of one whose connection is gone tell that as well."""
        if self._query is None:
            return records
        result = []
        for record in records:
            result.append(record)
            if shows_binding(record.event):
                _, end = testify(self._query, record.event)
                if end is not None:
                    end = denied(record.event, end)
                    result.append(Translated(CONNECTIONS, end.connection, end))
        return result
