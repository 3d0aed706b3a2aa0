"""Asks the server by JSON-RPC for its contacts, and publishes them as snapshots."""

from collections.abc import Callable

from producers.kamailio import snapshot
from producers.kamailio.intake import Intake
from producers.kamailio.listing import (
    ListedContact,
    read_connections,
    read_contacts,
    read_dialogs,
    read_ends,
    read_user,
)
from producers.kamailio.settings import KamailioSettings
from producers.sip_proxy import edge_listing
from producers.sip_proxy.call_records import DialogListing
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.errors import MiError, MiRefused, MiUnknown
from producers.sip_proxy.mi import HttpMi, Mi
from producers.sip_proxy.mi_commands import KnownCommands
from producers.sip_proxy.user_listings import UserListing
from producers.translated import Translated
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.topics import REGISTRATIONS
from schemas.vocabulary import CallKind, RegistrationKind

log = logs.get(__name__)

_CONTACTS, _CALLS, _USER, _EDGE = "contacts", "calls", "user", "edge"
# ul_rpc.c, ul_rpc_lookup(): how the server answers that the user has no contact.
_NO_CONTACTS = ("AOR not found", "AOR has no contacts")


def open_rpc(url: str, settings: KamailioSettings) -> Mi:
    """OpenSIPS' 3.x management interface and jsonrpcs are the same JSON-RPC over HTTP."""
    return HttpMi(url, "3.x", settings.rpc_timeout_seconds)


def ask_contacts(rpc: Mi) -> tuple[dict[str, list[ListedContact]], dict[int, Address] | None]:
    """Location table → its contacts, and the server's live connections by its own id, None if not
    known. Raises MiError."""
    tables = read_contacts(rpc.call("ul.dump"))
    return tables, ask_connections(rpc)  # after the contacts: one just made is in both


def ask_connections(rpc: Mi) -> dict[int, Address] | None:
    """The live connections' peers by Kamailio's id; None where it has no TCP, or keeps them."""
    try:
        return read_connections(rpc.call("core.tcp_list"))
    except MiRefused:
        return None


class Lister:
    """In one thread; the intake's lock is held only while records go out, never while it asks."""

    def __init__(self, rpc: Mi, intake: Intake) -> None:
        self._rpc = KnownCommands(rpc, lambda: intake.context.boot)
        self._intake = intake
        self._told: dict[str, str] = {}  # what could not be listed, and why
        self._looks_up = True
        self._labels = {"source": "kamailio", "node": intake.context.node}

    def list_contacts(self) -> bool:
        """A snapshot of every location table, of a proxy without usrloc its clients' connections;
        whether it could be taken."""
        self._looks_up = True  # the server may be another by now
        return self._attempt(_CONTACTS, self._list)

    def list_user(self, user: UserListing) -> bool:
        """An exact snapshot of one user's bindings; whether it could be taken."""
        return self._attempt(_USER, lambda: self._list_user(user))

    def list_calls(self) -> None:
        """A snapshot of the dialogs: it ends the calls whose end nobody heard.

        None is taken where the server has no dialogs, or keeps them from us.
        """
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        listing = DialogListing(context.node, context.origin(began.seq, began.at))
        try:
            dialogs = read_dialogs(self._rpc.call("dlg.list"))
        except MiRefused:
            return
        except MiError as error:
            self._failed(error, _CALLS)
            return
        self._told.pop(_CALLS, None)
        with self._intake.lock:
            if boot != context.boot:
                return
            self._everywhere(listing.end(CallKind.SNAPSHOT_BEGAN))
            refuse = self._intake.refuse
            self._intake.publish(listing.rows(dialogs, context.dialogs, context.users, refuse))
            self._everywhere(listing.end(CallKind.SNAPSHOT_ENDED))
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok"})

    def _attempt(self, what: str, listing: Callable[[], None]) -> bool:
        try:
            listing()
            self._told.pop(what, None)
        except MiError as error:
            self._failed(error, what)
            return False
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok"})
        return True

    def _failed(self, error: MiError, what: str) -> None:
        """Counted each time; the same reason again and again is logged once."""
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "failed"})
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        if self._told.get(what) != error.reason:
            self._told[what] = error.reason
            log.error("no listing", what=what, error=type(error).__name__, detail=str(error))

    def _list(self) -> None:
        """Raises MiError."""
        try:
            self._list_contacts()
        except MiUnknown:
            self._list_connections()

    def _list_connections(self) -> None:
        """The clients' connections of a proxy without usrloc. Raises MiError."""
        intake, context = self._intake, self._intake.context
        began, boot = intake.ticks.now(), context.boot
        try:
            ends = read_ends(self._rpc.call("core.tcp_list"))
        except MiRefused:
            ends = None
        with intake.lock:
            if boot != context.boot:
                return
            kernel = intake.witness.live_connections()
            connections = edge_listing.merge(ends, kernel, is_believed=kernel is not None)
            if connections is None:
                return
            if self._told.get(_EDGE) != boot:
                self._told[_EDGE] = boot
                log.info("usrloc is not loaded: the clients' connections are listed instead")
            names = edge_listing.hosts(kernel.own if kernel else (), context.path_hosts)
            origin = context.origin(began.seq, began.at)
            for event in edge_listing.records(origin, connections, names):
                self._everywhere(Translated(REGISTRATIONS, context.node, event))

    def _list_contacts(self) -> None:
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        tables, connections = ask_contacts(self._rpc)
        with self._intake.lock:
            if boot != context.boot:
                return  # another process speaks by now, and is listed for itself
            for table, listed in tables.items():
                taken = snapshot.Snapshot(context, boot, began, table)
                bindings = snapshot.read(listed, context, began.at, self._intake.refuse_row)
                for aor, known in snapshot.known(bindings).items():
                    context.known.replace(table, aor, known)
                self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
                self._publish(taken, bindings, connections)
                self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def _list_user(self, user: UserListing) -> None:
        """What usrloc holds of the user now, read under its lock (ul_rpc.c): exact."""
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        listed = self._look_up(user)
        connections = ask_connections(self._rpc) if listed else None
        with self._intake.lock:
            if boot != context.boot:
                return
            bindings = [
                one
                for one in snapshot.read(listed, context, began.at, self._intake.refuse_row)
                if one.aor == user.aor
            ]
            known = snapshot.known(bindings).get(user.aor, {})
            context.known.replace(user.table, user.aor, known)
            taken = snapshot.Snapshot(context, boot, began, user.table, user.aor)
            self._intake.publish([snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN)])
            self._publish(taken, bindings, connections)
            ended = snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED, list(known))
            self._intake.publish([ended])

    def _look_up(self, user: UserListing) -> list[ListedContact]:
        """The user's rows; by ul.dump where the server does not know, or allow, ul.lookup."""
        if self._looks_up and not self._intake.context.users.hides(user.name):
            try:
                reply = self._rpc.call("ul.lookup", {"table": user.table, "aor": user.name})
                return read_user(reply, user.table)
            except MiRefused as error:
                if any(text in str(error) for text in _NO_CONTACTS):
                    return []
                self._looks_up = False
        return read_contacts(self._rpc.call("ul.dump")).get(user.table, [])

    def _publish(
        self,
        taken: snapshot.Snapshot,
        bindings: list[snapshot.Listed],
        connections: dict[int, Address] | None,
    ) -> None:
        intake = self._intake
        for index, one in enumerate(bindings):
            try:
                record = snapshot.record(taken, one, index, connections)
            except InvalidRecord as error:
                intake.refuse_row(UnreadableRow(one.contact, error))
                continue
            if record is not None:
                intake.publish(intake.witness.add_cookies([record]))

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)
