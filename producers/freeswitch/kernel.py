"""Asks this host's kernel which connection a REGISTER came on, where the switch runs here too.

The switch reports the peer's address, and a transport that it reads in the Contact; the kernel
knows the connection itself, by a cookie that no other has, and whether it still is there. Where it
never had one, the REGISTER came over UDP whatever its Contact claims.
"""

from collections.abc import Callable
from datetime import datetime

from producers.freeswitch import verto
from producers.setting_types import KernelMode
from producers.sockets.connection_lookup import ConnectionLookup, gone, look_up
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.query import ConnectionQuery, Found, Gone
from producers.sockets.recent_ends import RecentEnds
from producers.translated import Translated
from runtime import logs
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.vocabulary import RegistrationKind, Transport

log = logs.get(__name__)

# A REGISTER that the switch calls UDP came over a TCP connection of the same peer only if that
# connection received something when it was sent; events are up to 0.6 s late.
_RECENT_SECONDS = 1.0


class KernelLookup(ConnectionLookup):
    """For one switch. `on` only after `open` has found the switch in this network namespace."""

    def __init__(self, mode: KernelMode, sip_ports: list[int]) -> None:
        super().__init__()
        self._mode = mode
        self._ports = sip_ports
        # mod_verto listens on ports of its own.
        self._verto: ConnectionQuery | None = None
        self._ends: RecentEnds | None = None

    def open(
        self,
        server: Address,
        own: Address,
        ports: Callable[[], list[int]],
        verto_ports: Callable[[], list[int]] = list,
    ) -> None:
        """Decide by the event socket's connection: is its other end a socket of this kernel?

        `server` and `own` are that connection's two ends; `ports` asks the switch for its own,
        where no setting names them; `verto_ports` for mod_verto's. Raises what these raise.
        """
        self.close()
        if self._mode == "off":
            return
        try:
            why_not = self._attempt(server, own, ports)
        except (KernelRefuses, QueryFailed) as error:
            why_not = str(error)
        if why_not:
            self.close()
            self._log_once("the kernel is not asked about registrations", reason=why_not)
            return
        if listening := verto_ports():
            self._verto = ConnectionQuery(listening)
        self._log_once("registrations carry the cookie of their connection")

    def close(self) -> None:
        super().close()
        for opened in (self._verto, self._ends):
            if opened:
                opened.close()
        self._verto = self._ends = None

    def _attempt(self, server: Address, own: Address, ports: Callable[[], list[int]]) -> str | None:
        """Why the kernel is not to be asked; None where it is."""
        probe = ConnectionQuery()
        here = probe.cookie_of(server, own)
        probe.close()
        if self._mode == "auto" and not isinstance(here, Found):
            return "the switch runs elsewhere"
        numbers = self._ports or ports()
        self._query = ConnectionQuery(numbers)
        if self._mode == "auto" and not (numbers and self._query.listens()):
            # A forwarded event socket: the switch is in a network namespace of its own.
            return "none of the switch's SIP ports listens here"
        try:
            self._ends = RecentEnds(numbers)
        except (KernelRefuses, QueryFailed) as error:
            # Then each connection that is not there counts as one that ended.
            log.info("the kernel does not report ended connections", reason=str(error))
        return None

    def _look_up(self, query: ConnectionQuery, event: RegistrationEvent) -> list[Translated]:
        if verto.is_verto(event):
            return self._connection(self._verto, event, None) if self._verto is not None else []
        return self._connection(query, event, self._ends)

    def _connection(
        self, query: ConnectionQuery, event: RegistrationEvent, ends: RecentEnds | None
    ) -> list[Translated]:
        """`ends`: what ended lately on the ports that `query` asks about, where that is known."""
        remote, transport = event.remote, event.transport
        if remote is None:
            return []
        if self._ends is not None:
            self._ends.read()
        if transport is None or not transport.is_connection:
            _correct_transport(query, event, remote)
            return []
        answer, end = look_up(query, event)
        if end is None:
            return []
        if ends is not None:
            end.cookie = ends.end_of(remote, event.at)
            closing = isinstance(answer, Gone) and answer.closing
            if not closing and end.cookie is None and _had_none(event, ends):
                event.transport_claimed = True
                return []
        return [gone(event, end)]


def _had_none(event: RegistrationEvent, ends: RecentEnds) -> bool:
    """Whether the REGISTER came over no connection, though its Contact claims one.

    A listed row does not show when its REGISTER came: what is known of that one decides
    (streams/folds/connection.py).
    """
    return event.kind is not RegistrationKind.SNAPSHOT_ROW and ends.knows_since(event.at)


def _correct_transport(query: ConnectionQuery, event: RegistrationEvent, remote: Address) -> None:
    """TCP instead of UDP, where a connection of that peer carried the REGISTER.

    The switch looks at the Contact, where clients forget `;transport=tcp`. A listing does not show
    when the REGISTER came, so its rows are left as they are.
    """
    if event.kind is RegistrationKind.SNAPSHOT_ROW:
        return
    answer = query.cookie_of(None, remote, walk=False)
    if isinstance(answer, Found) and _carried(query, answer, remote, event.at):
        event.transport, event.cookie = Transport.TCP, answer.cookie


def _carried(query: ConnectionQuery, found: Found, remote: Address, at: datetime) -> bool:
    """Whether a connection received something when the REGISTER came, `at` or just before."""
    info = query.info_of(found.local, remote, found.cookie)
    if info is None:
        return False
    age = (datetime.now(at.tzinfo) - at).total_seconds()
    return info.last_data_recv / 1000 <= age + _RECENT_SECONDS
