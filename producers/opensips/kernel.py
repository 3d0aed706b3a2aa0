"""Asks this host's kernel which connection a REGISTER came on, where OpenSIPS runs here too.

OpenSIPS' events tell no process and no namespace. So the kernel's "there is no such connection" is
believed only once it has known one: elsewhere it would know none, and deny them all.
"""

from producers.opensips.context import Context
from producers.setting_types import KernelMode
from producers.sockets.connection_lookup import denied, shows_binding, testify
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, listening_ports, live_connections
from producers.sockets.query import ConnectionQuery, Found
from producers.translated import Translated
from runtime import logs
from schemas.topics import CONNECTIONS

log = logs.get(__name__)


class KernelWitness:
    """Of one node, whose ports are configured or learned from its contacts' sockets."""

    def __init__(self, mode: KernelMode, context: Context) -> None:
        self._mode = mode
        self._context = context
        self._ports: frozenset[int] = frozenset()
        self._query: ConnectionQuery | None = None
        self._believed = mode == "on"
        self._told: str | None = None

    @property
    def on(self) -> bool:
        return self._query is not None

    def living(self, peers: set[tuple[str, int]]) -> tuple[LiveConnections | None, bool]:
        """The clients' connections that this host's kernel has, None where it is not asked, and
        whether it is the server's: it knows one of `peers`, or has known one before."""
        self._look()
        if self._query is None:
            return None, False
        try:
            found = live_connections(self._ports)
        except (KernelRefuses, QueryFailed) as error:
            log.warning("the kernel gives no list of connections", detail=str(error))
            return None, False
        self._believed = self._believed or bool(peers & found.cookies.keys())
        return found, self._believed

    def learn_ports(self, local: set[int]) -> None:
        """Ports of the server's ends of connections: those on which it listens are its clients'."""
        if self._mode == "off" or local <= self._context.ports:
            return
        try:
            self._context.ports |= listening_ports(local)
        except (KernelRefuses, QueryFailed) as error:
            log.warning("the kernel does not say who listens", detail=str(error))

    def testify(self, records: list[Translated]) -> list[Translated]:
        """Put the cookie on registrations; of one whose connection is gone tell that as well."""
        if self._mode == "off" or not any(shows_binding(record.event) for record in records):
            return records
        self._look()
        if self._query is None:
            return records
        result = []
        for record in records:
            result.append(record)
            if not shows_binding(record.event):
                continue
            found, end = testify(self._query, record.event)
            if isinstance(found, Found) and not self._believed:
                self._believed = True
                log.info("registrations carry their connection's cookie", node=self._context.node)
            if end is not None and self._believed:
                end = denied(record.event, end)
                result.append(Translated(CONNECTIONS, end.connection, end))
        return result

    def close(self) -> None:
        if self._query is not None:
            self._query.close()
        self._query = None

    def _look(self) -> None:
        """A query for the ports known by now, where a server listens on one of them."""
        ports = frozenset(self._context.ports)
        if ports == self._ports:
            return
        self._ports = ports
        self.close()
        try:
            query = ConnectionQuery(ports)
            if self._mode == "on" or query.listens():
                self._query = query
                return
            query.close()
            why = "none of the server's SIP ports listens here"
        except (KernelRefuses, QueryFailed) as error:
            why = str(error)
        if self._told != why:
            self._told = why
            log.info("the kernel is not asked about registrations", reason=why)
