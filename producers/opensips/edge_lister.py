"""Lists the clients' connections of a proxy without usrloc, which has no contacts to list."""

from collections.abc import Callable

from producers.opensips.intake import Intake
from producers.opensips.listing import read_ends
from producers.sip_proxy import edge_listing
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.mi import Mi
from producers.translated import Translated
from runtime import logs
from schemas.topics import REGISTRATIONS

log = logs.get(__name__)

_NOTHING = "usrloc is not loaded: no contacts are listed, but the clients' connections"
_UNKNOWN = "neither the kernel nor list_tcp_conns shows the clients' connections: none are listed"


class EdgeLister:
    """In the lister's thread; `everywhere` is the lister's."""

    def __init__(self, mi: Mi, intake: Intake, everywhere: Callable[[Translated], None]) -> None:
        self._mi = mi
        self._intake = intake
        self._everywhere = everywhere
        self._logged: tuple[str, str] | None = None  # of which process what was logged

    def list_connections(self) -> None:
        """Publish the clients' connections that live. Raises MiError."""
        intake, context = self._intake, self._intake.context
        began, boot = intake.ticks.now(), context.boot
        ends = self._ends()
        with intake.lock:
            if boot != context.boot:
                return
            if ends is not None:
                intake.kernel.learn_ports(set(ends.values()))
            kernel, is_believed = intake.kernel.live_connections(set(ends or ()))
            connections = edge_listing.merge(ends, kernel, is_believed=is_believed)
            self._log_once(boot, _NOTHING if connections is not None else _UNKNOWN)
            if connections is None:
                return
            origin = context.origin(began)
            names = edge_listing.hosts(kernel.own if kernel else (), context.path_hosts)
            for event in edge_listing.records(origin, connections, names):
                self._everywhere(Translated(REGISTRATIONS, context.node, event))

    def _ends(self) -> dict[tuple[str, int], int] | None:
        """None where the server does not know the command (before 3.3), or has no TCP."""
        try:
            return read_ends(self._mi.call("list_tcp_conns"))
        except MiRefused:
            return None

    def _log_once(self, boot: str, what: str) -> None:
        if self._logged != (boot, what):
            self._logged = boot, what
            log.info(what, node=self._intake.node)
