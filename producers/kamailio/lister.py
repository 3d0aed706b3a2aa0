"""Asks the server by JSON-RPC for its contacts, and publishes them as snapshots."""

from producers.kamailio import snapshot
from producers.kamailio.intake import Intake
from producers.kamailio.listing import (
    ListedContact,
    read_connections,
    read_contacts,
    read_dialogs,
)
from producers.kamailio.settings import KamailioSettings
from producers.opensips.call_records import DialogListing
from producers.opensips.context import Translated
from producers.opensips.errors import MiError, MiRefused
from producers.opensips.mi import HttpMi, Mi
from producers.refused import payload_of
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.origin import Address
from schemas.vocabulary import CallKind, RegistrationKind

log = logs.get(__name__)

_CONTACTS, _CALLS = "contacts", "calls"


def open_rpc(url: str, settings: KamailioSettings) -> Mi:
    """OpenSIPS' 3.x management interface and jsonrpcs are the same JSON-RPC over HTTP."""
    return HttpMi(url, "3.x", settings.rpc_timeout_seconds)


def ask_contacts(rpc: Mi) -> tuple[dict[str, list[ListedContact]], dict[int, Address] | None]:
    """Location table → its contacts, and the server's live connections by its own id, None if not
    known. Raises MiError."""
    tables = read_contacts(rpc.call("ul.dump"))
    try:
        # After the contacts, so that one just made is in both.
        return tables, read_connections(rpc.call("core.tcp_list"))
    except MiRefused:
        return tables, None  # no TCP, or kept from us


class Lister:
    """In one thread; the intake's lock is held only while records go out, never while it asks."""

    def __init__(self, rpc: Mi, intake: Intake) -> None:
        self._rpc = rpc
        self._intake = intake
        self._told: dict[str, str] = {}  # what could not be listed, and why
        self._labels = {"source": "kamailio", "node": intake.context.node}

    def list_contacts(self) -> bool:
        """A snapshot of every location table; whether it could be taken."""
        try:
            self._list_contacts()
            self._told.pop(_CONTACTS, None)
        except MiError as error:
            self._failed(error, _CONTACTS)
            return False
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok"})
        return True

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

    def _failed(self, error: MiError, what: str) -> None:
        """Counted each time; the same reason again and again is logged once."""
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "failed"})
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        if self._told.get(what) != error.reason:
            self._told[what] = error.reason
            log.error("no listing", what=what, error=type(error).__name__, detail=str(error))

    def _list_contacts(self) -> None:
        context = self._intake.context
        began, boot = self._intake.ticks.now(), context.boot
        tables, connections = ask_contacts(self._rpc)
        with self._intake.lock:
            if boot != context.boot:
                return  # another process speaks by now, and is listed for itself
            for table, listed in tables.items():
                taken = snapshot.Snapshot(context, boot, began, table)
                self._publish(taken, listed, connections)

    def _publish(
        self,
        taken: snapshot.Snapshot,
        listed: list[ListedContact],
        connections: dict[int, Address] | None,
    ) -> None:
        intake = self._intake
        self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
        for index, one in enumerate(listed):
            try:
                record = snapshot.row(taken, one, index, connections)
            except InvalidRecord as error:
                intake.refuse(payload_of(one), error.reason, error.field)
                continue
            if record is not None:
                intake.publish(intake.witness.testify([record]))
        self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)
