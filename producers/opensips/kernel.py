"""Asks this host's kernel which connection a REGISTER came on, where OpenSIPS runs here too.

OpenSIPS' events name no process and no network namespace. So an answer that there is no such
connection counts only after the kernel has known one: in another namespace it would know none.
"""

from producers.opensips.context import Context
from producers.setting_types import KernelMode
from producers.sockets.connection_lookup import ConnectionLookup, gone, look_up, shows_binding
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.live_connections import LiveConnections, listening_ports
from producers.sockets.query import ConnectionQuery, Found
from producers.translated import Translated
from runtime import logs
from schemas.registration import RegistrationEvent

log = logs.get(__name__)


class KernelWitness(ConnectionLookup):
    """For one node, whose ports are configured or learned from its contacts' sockets."""

    def __init__(self, mode: KernelMode, context: Context) -> None:
        super().__init__()
        self._mode = mode
        self._context = context
        self._ports: frozenset[int] = frozenset()
        self._believed = mode == "on"

    def live_connections(
        self, ends: dict[tuple[str, int], int] | None
    ) -> tuple[LiveConnections | None, bool]:
        """The clients' connections, None where the kernel is not asked; and whether it is the
        server's kernel: it has one of the peers in `ends`, or has known a connection before.

        `ends` is the server's own list of connections, peer → the server's port.
        """
        self._learn_ports(set((ends or {}).values()))
        self._reopen()
        found = self._list(self._ports) if self._query is not None else None
        if found is None:
            return None, False
        self._believed = self._believed or bool((ends or {}).keys() & found.cookies.keys())
        return found, self._believed

    def add_cookies(self, records: list[Translated]) -> list[Translated]:
        if self._mode == "off" or not any(shows_binding(record.event) for record in records):
            return records
        self._reopen()
        return super().add_cookies(records)

    def _look_up(self, query: ConnectionQuery, event: RegistrationEvent) -> list[Translated]:
        answer, end = look_up(query, event)
        if isinstance(answer, Found) and not self._believed:
            self._believed = True
            log.info("registrations carry the cookie of their connection", node=self._context.node)
        return [gone(event, end)] if end is not None and self._believed else []

    def _learn_ports(self, local: set[int]) -> None:
        """The server's ends of connections: those on which it listens are its clients' ports."""
        if self._mode == "off" or local <= self._context.ports:
            return
        try:
            self._context.ports |= listening_ports(local)
        except (KernelRefuses, QueryFailed) as error:
            log.warning("cannot list the kernel's listening sockets", detail=str(error))

    def _reopen(self) -> None:
        """Ask about the ports known by now, where a server listens on one of them."""
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
            why_not = "none of the server's SIP ports listens here"
        except (KernelRefuses, QueryFailed) as error:
            why_not = str(error)
        self._log_once("the kernel is not asked about registrations", reason=why_not)
