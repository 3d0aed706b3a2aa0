"""Asks this host's kernel which connection a REGISTER came on, where the switch runs here too.

The switch reports the peer's address, and a transport that it reads in the Contact; the kernel
knows the connection itself, by a cookie that no other has, and whether it still is there. Where it
never had one, the REGISTER came over UDP whatever its Contact claims.
"""

from collections.abc import Callable
from datetime import datetime

from producers.freeswitch import verto
from producers.setting_types import KernelMode
from producers.sockets.connection_lookup import denied, shows_binding, testify
from producers.sockets.errors import KernelRefuses, QueryFailed
from producers.sockets.query import ConnectionQuery, Found, Gone
from producers.sockets.recent_ends import RecentEnds
from producers.translated import Translated
from runtime import logs
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import CONNECTIONS
from schemas.vocabulary import RegistrationKind, Transport

log = logs.get(__name__)

# A REGISTER that the switch calls UDP came over a TCP connection of the same peer only if that
# connection received something when it was sent; events are up to 0.6 s late.
_RECENT_SECONDS = 1.0


class KernelWitness:
    """Of one switch. `on` only after `look` has found the switch in this network namespace."""

    def __init__(self, mode: KernelMode, sip_ports: list[int]) -> None:
        self._mode = mode
        self._ports = sip_ports
        self._query: ConnectionQuery | None = None
        # mod_verto listens on ports of its own.
        self._verto: ConnectionQuery | None = None
        self._ends: RecentEnds | None = None
        self._told: str | None = None

    @property
    def on(self) -> bool:
        return self._query is not None

    def look(
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
            why_not = self._open(server, own, ports)
        except (KernelRefuses, QueryFailed) as error:
            why_not = str(error)
        if why_not:
            self.close()
            self._tell("the kernel is not asked about registrations", reason=why_not)
        else:
            if listening := verto_ports():
                self._verto = ConnectionQuery(listening)
            self._tell("registrations carry their connection's cookie", asked_of="kernel")

    def close(self) -> None:
        for opened in (self._query, self._verto, self._ends):
            if opened:
                opened.close()
        self._query = self._verto = self._ends = None

    def _open(self, server: Address, own: Address, ports: Callable[[], list[int]]) -> str | None:
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

    def testify(self, records: list[Translated]) -> list[Translated]:
        """Put the cookie on registrations; of one whose connection is gone tell that as well."""
        if self._query is None:
            return records
        result = []
        for record in records:
            result.append(record)
            if shows_binding(record.event):
                query = self._verto if verto.is_verto(record.event) else self._query
                result += self._registered(query, record.event) if query else []
        return result

    def _registered(self, query: ConnectionQuery, event: RegistrationEvent) -> list[Translated]:
        remote, transport = event.remote, event.transport
        if remote is None:
            return []
        if self._ends is not None:
            self._ends.read()
        if transport is None or not transport.is_connection:
            _correct(query, event, remote)
            return []
        answer, end = testify(query, event)
        if end is None:
            return []
        if self._ends is not None and query is self._query:
            end.cookie = self._ends.end_of(remote, event.at)
            closing = isinstance(answer, Gone) and answer.closing
            if not closing and end.cookie is None and self._never_was(event):
                event.transport_claimed = True
                return []
        return [Translated(CONNECTIONS, end.connection, denied(event, end))]

    def _never_was(self, event: RegistrationEvent) -> bool:
        """Whether the REGISTER came over no connection, though its Contact claims one.

        A row that is listed does not say when its REGISTER came: what is known of that one decides
        (streams/connection_fold.py).
        """
        is_row = event.kind is RegistrationKind.SNAPSHOT_ROW
        return not is_row and self._ends is not None and self._ends.knows_since(event.at)

    def _tell(self, what: str, **details: str) -> None:
        if self._told != (told := f"{what} {details}"):
            self._told = told
            log.info(what, **details)


def _correct(query: ConnectionQuery, event: RegistrationEvent, remote: Address) -> None:
    """The switch calls it UDP; it came over TCP when a connection of that peer carried it.

    The switch looks at the Contact, where clients forget `;transport=tcp`. A listing does not say
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
