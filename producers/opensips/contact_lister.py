"""Lists all contacts as a snapshot, where usrloc keeps them in the memory that ul_dump walks."""

from producers.opensips import snapshot
from producers.opensips.edge_lister import EdgeLister
from producers.opensips.intake import Intake
from producers.opensips.listed_rows import ListedRows
from producers.opensips.listing import read_contacts
from producers.opensips.listing_failures import ListingFailures
from producers.opensips.questions import ask_contacts
from producers.opensips.storage import Probe, Usrloc
from producers.opensips.user_lister import UserLister
from producers.sip_proxy.errors import MiError, MiRefused, MiUnknown
from producers.sip_proxy.mi import Mi
from producers.translated import Translated
from runtime import metrics
from schemas.vocabulary import RegistrationKind

CONTACTS = "contacts"
_STORAGE = "storage"
# How many of the contacts that ul_dump lacks are asked for singly.
_PROBES_A_LISTING = 3
_IN_DATABASE = "usrloc keeps its contacts in a database: ul_dump lists none, users are asked for"
_UNKNOWN = "ul_dump is empty, and nothing shows yet that usrloc keeps its contacts in memory"


class ContactLister:
    """In the lister's thread; the intake's lock is never held while MI is asked."""

    def __init__(
        self,
        mi: Mi,
        intake: Intake,
        rows: ListedRows,
        users: UserLister,
        failures: ListingFailures,
    ) -> None:
        self._mi = mi
        self._intake = intake
        self._rows = rows
        self._users = users
        self._failures = failures
        self._labels = {"source": "opensips", "node": intake.node}
        self._tables: set[str] = {"location"}
        self._edge = EdgeLister(mi, intake, self._everywhere)

    def list_contacts(self) -> bool:
        """A snapshot of every location table; whether it could be taken.

        Nothing is published where usrloc keeps its contacts in a database, or may do so. A proxy
        without usrloc lists its clients' connections instead.
        """
        try:
            try:
                self._list_contacts()
            except MiUnknown:
                self._edge.list_connections()
        except MiError as error:
            self._failures.failed(error, CONTACTS)
            metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "failed"})
            return False
        self._failures.succeeded(CONTACTS)
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok"})
        return True

    def _list_contacts(self) -> None:
        intake = self._intake
        if intake.context.in_database:
            return
        began, boot = intake.ticks.now(), intake.context.boot
        listed, connections = ask_contacts(self._mi)
        with intake.lock:
            names = dict.fromkeys([*self._tables, *(one.domain for one in listed)])
            rows = {
                name: self._rows.read([one for one in listed if one.domain == name], began)
                for name in names
            }
        if not self._is_true(rows, began.seq):
            return
        self._tables = set(rows)  # one that is empty now was not before: its contacts are gone
        with intake.lock:
            if boot != intake.context.boot:
                return
            for table, found in rows.items():
                taken = snapshot.begin(intake.context, began, table)
                self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
                self._rows.publish(taken, found, connections)
                self._everywhere(snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def _is_true(self, rows: dict[str, list[snapshot.Row]], began: int) -> bool:
        """Whether ul_dump lists all that usrloc holds: contacts it lacks are asked for singly."""
        intake, storage = self._intake, self._intake.context.storage
        with intake.lock:
            if any(rows.values()):
                storage.shows_memory()
            found = {(row.aor, row.binding) for table in rows.values() for row in table}
            missing = storage.missing(found, began, intake.ticks.now().at)
        for probe in missing[:_PROBES_A_LISTING]:
            if self._holds(probe):
                if not self._dumps(probe):
                    storage.shows_database()
                    self._failures.log_once(_STORAGE, _IN_DATABASE)
                return False
            with intake.lock:
                storage.removed(probe.user.aor, probe.binding)
                storage.shows_memory()  # it had one: ul_dump and ul_show_contact agree
        if storage.where is Usrloc.AUTO:
            self._failures.log_once(_STORAGE, _UNKNOWN)
        return storage.where is not Usrloc.AUTO

    def _holds(self, probe: Probe) -> bool:
        try:
            listed = self._users.ask(probe.user)
        except MiRefused:
            return False
        with self._intake.lock:
            return self._rows.holds(listed, probe)

    def _dumps(self, probe: Probe) -> bool:
        """Asked once more: the contact may have come back between the two questions."""
        listed = read_contacts(self._mi.call("ul_dump"))
        with self._intake.lock:
            return self._rows.holds([one for one in listed if one.aor == probe.user.name], probe)

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)
