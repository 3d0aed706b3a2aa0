"""Asks MI for listings and publishes them as snapshots; asks who is in a dialog."""

from dataclasses import asdict
from typing import Any

from producers.opensips import calls, snapshot
from producers.opensips.call_records import DialogListing, ListedDialog
from producers.opensips.context import Translated
from producers.opensips.errors import ListingUnreadable, MiError, MiRefused
from producers.opensips.intake import Intake
from producers.opensips.listing import (
    ListedContact,
    listed_dialog,
    read_connections,
    read_contacts,
    read_dialogs,
    read_start,
)
from producers.opensips.mi import Mi
from producers.refused import payload_of
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.vocabulary import CallKind, RegistrationKind

log = logs.get(__name__)

_DIALOGS_A_ROUND = 20
_CONTACTS, _CALLS = "contacts", "calls"
_CALLS_WITHOUT_DIALOG = "accounting told of a call that is no dialog"


def ask_contacts(mi: Mi) -> tuple[list[ListedContact], set[str] | None]:
    """The contacts the server counts on, and its live connections' peers, None if not known.

    Raises MiError.
    """
    rows = [row for row in read_contacts(mi.call("ul_dump")) if not snapshot.is_gone(row)]
    try:
        # After the contacts, so that one just made is in both.
        return rows, read_connections(mi.call("list_tcp_conns"))
    except MiRefused:
        return rows, None  # no TCP, or a server that does not know the command


class Lister:
    """In one thread; the intake's lock is held only while records go out, never while MI thinks."""

    def __init__(self, mi: Mi, intake: Intake) -> None:
        self._mi = mi
        self._intake = intake
        self._told: dict[str, str] = {}  # what could not be listed, and why
        self._tables: set[str] = {"location"}
        self.answers = False

    def identify(self) -> None:
        """Ask when the server started: which process it is, and that it lives."""
        try:
            start = read_start(self._mi.call("uptime"))
            if start is None:
                raise ListingUnreadable("uptime: does not say since when")
        except MiError as error:
            self._fail(error)
            return
        self.answers = True
        version = self._version() if self._intake.server.version is None else None
        with self._intake.lock:
            self._intake.publish(self._intake.server.identified(start, version))

    def list_contacts(self) -> bool:
        """A snapshot of every location table; whether it could be taken."""
        outcome = "ok"
        try:
            self._list_contacts()
            self._told.pop(_CONTACTS, None)
        except MiError as error:
            outcome = "failed"
            self._fail(error)
        labels = {"source": "opensips", "node": self._intake.node, "outcome": outcome}
        metrics.SNAPSHOTS.add(1, labels)
        return outcome == "ok"

    def list_calls(self) -> None:
        """A snapshot of the dialogs: it ends the calls whose end nobody heard.

        None is taken where the server has no dialogs, or some calls without (accounting only).
        """
        with self._intake.lock:
            place = self._intake.context.origin(self._intake.ticks.now())
        listing = DialogListing(self._intake.node, place)
        outcome = "ok"
        try:
            dialogs = [listed_dialog(row) for row in read_dialogs(self._mi.call("dlg_list"))]
        except MiRefused:
            return
        except MiError as error:
            outcome = "failed"
            self._fail(error, _CALLS)
        else:
            with self._intake.lock:
                self._publish_calls(listing, dialogs)
        labels = {"source": "opensips", "node": self._intake.node, "outcome": outcome}
        metrics.SNAPSHOTS.add(1, labels)

    def _publish_calls(self, listing: DialogListing, listed: list[ListedDialog]) -> None:
        intake, context = self._intake, self._intake.context
        rows = listing.rows(listed, context.dialogs, context.users, intake.refuse)
        if context.dialogs.has_others():
            if self._told.get(_CALLS) != _CALLS_WITHOUT_DIALOG:
                self._told[_CALLS] = _CALLS_WITHOUT_DIALOG
                log.warning("calls are not listed", reason=_CALLS_WITHOUT_DIALOG)
            return
        self._told.pop(_CALLS, None)
        self._everywhere(listing.end(CallKind.SNAPSHOT_BEGAN))
        intake.publish(rows)
        self._everywhere(listing.end(CallKind.SNAPSHOT_ENDED))

    def name_parties(self) -> None:
        """Ask for the parties of dialogs that no event named."""
        wanted = self._intake.take_anonymous(_DIALOGS_A_ROUND)
        for call_id in wanted:
            try:
                rows = read_dialogs(self._mi.call("dlg_list", {"callid": call_id}))
            except MiError:
                continue  # it has ended, or there is no dialog module
            with self._intake.lock:
                for row in rows:
                    self._publish_parties(row)

    def _publish_parties(self, row: dict[str, Any]) -> None:
        intake = self._intake
        try:
            intake.publish(calls.name_by_listing(intake.context, intake.ticks.now(), row))
        except InvalidRecord as error:
            intake.refuse(payload_of(row), error.reason, error.field)

    def _list_contacts(self) -> None:
        began = self._intake.ticks.now()
        rows, connections = ask_contacts(self._mi)
        tables: dict[str, list[ListedContact]] = {name: [] for name in self._tables}
        for row in rows:
            tables.setdefault(row.domain, []).append(row)
        self._tables = set(tables)  # one that is empty now was not before: its contacts are gone
        with self._intake.lock:
            for table, listed in tables.items():
                self._publish(
                    snapshot.begin(self._intake.context, began, table), listed, connections
                )

    def _publish(
        self,
        taken: snapshot.Snapshot,
        listed: list[ListedContact],
        connections: set[str] | None,
    ) -> None:
        intake = self._intake
        self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
        for index, one in enumerate(listed):
            try:
                record = snapshot.row(taken, one, index, intake.context, connections)
            except InvalidRecord as error:
                intake.refuse(payload_of(asdict(one)), error.reason, error.field)
                continue
            if record is not None:
                intake.publish(intake.kernel.testify([record]))
        self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)

    def _version(self) -> str | None:
        try:
            reply = self._mi.call("version")
        except MiError:
            return None
        server = reply.get("Server") if isinstance(reply, dict) else None
        return server if isinstance(server, str) else None

    def _fail(self, error: MiError, what: str = _CONTACTS) -> None:
        """Counted each time; the same reason again and again is logged once."""
        self.answers = isinstance(error, MiRefused | ListingUnreadable)
        if self.answers:
            with self._intake.lock:
                self._intake.server.heard()
        labels = {"source": "opensips", "node": self._intake.node, "reason": error.reason}
        metrics.SOURCE_FAILURES.add(1, labels)
        if self._told.get(what) != error.reason:
            self._told[what] = error.reason
            log.error(
                "MI gives no listing", what=what, error=type(error).__name__, detail=str(error)
            )
