"""Lists the clients' connections of a proxy without usrloc, which has no contacts to list."""

from collections.abc import Callable
from typing import Any, Protocol

from producers.sip_proxy import edge_listing
from producers.sip_proxy.context import ProxyContext
from producers.sip_proxy.edge_listing import Peer
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.sip_proxy.mi import Mi
from producers.sockets.live_connections import LiveConnections
from producers.translated import Translated
from runtime import logs
from schemas.topics import REGISTRATIONS

log = logs.get(__name__)

_LISTED = "usrloc is not loaded: the clients' connections are listed instead of contacts"
_UNKNOWN = "neither the server nor the kernel lists the clients' connections: none are published"


class LiveLookup(Protocol):
    """The kernel's list of connections, as a producer's connection lookup gives it."""

    def live_connections(self, ends: dict[Peer, int] | None) -> tuple[LiveConnections | None, bool]:
        """The clients' connections, None where the kernel is not asked, and whether the kernel is
        known to be the server's. `ends` is the server's own list: peer → the server's port."""


class EdgeLister:
    """Used in the lister's thread."""

    def __init__(
        self,
        mi: Mi,
        command: str,
        read: Callable[[Any], dict[Peer, int] | None],
        intake: InboxIntake[Any, Any],
        lookup: LiveLookup,
    ) -> None:
        """`command` lists the server's connections; `read` reads its answer."""
        self._mi = mi
        self._command = command
        self._read = read
        self._intake = intake
        self._lookup = lookup
        self._logged: tuple[str, str] | None = None  # the boot, and what was logged of it

    def list_connections(self) -> None:
        """Publish the clients' connections. Raises MiError."""
        intake = self._intake
        context: ProxyContext = intake.context
        began, boot = intake.ticks.now(), context.boot
        ends = self._ends()
        with intake.lock:
            if boot != context.boot:
                return
            kernel, is_believed = self._lookup.live_connections(ends)
            connections = edge_listing.merge(ends, kernel, is_believed=is_believed)
            self._log_once(boot, _LISTED if connections is not None else _UNKNOWN)
            if connections is None:
                return
            names = edge_listing.hosts(kernel.own if kernel else (), context.path_hosts)
            for event in edge_listing.records(context.origin(began), connections, names):
                intake.publish_everywhere(Translated(REGISTRATIONS, context.node, event))

    def _ends(self) -> dict[Peer, int] | None:
        """None where the server has no such command, or no TCP."""
        try:
            return self._read(self._mi.call(self._command))
        except MiRefused:
            return None

    def _log_once(self, boot: str, message: str) -> None:
        if self._logged != (boot, message):
            self._logged = boot, message
            log.info(message, node=self._intake.node)
