"""Lists all contacts as a snapshot, where usrloc keeps them in the memory that ul_dump walks."""

from producers.opensips import snapshot
from producers.opensips.intake import Intake
from producers.opensips.listed_rows import ListedRows
from producers.opensips.listing import read_contacts
from producers.opensips.queries import query_contacts
from producers.opensips.storage import Probe, Usrloc
from producers.opensips.user_lister import UserLister
from producers.sip_proxy.errors import MiRefused
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import begin, mark
from schemas.vocabulary import RegistrationKind

_STORAGE = "storage"
# How many of the contacts that ul_dump lacks are queried singly.
_PROBES_A_LISTING = 3
_IN_DATABASE = "usrloc keeps its contacts in a database, not in ul_dump: users are listed singly"
_UNKNOWN = "ul_dump is empty, and nothing shows yet that usrloc keeps its contacts in memory"


class ContactLister:
    """Used in the lister's thread; the intake's lock is never held during a command."""

    def __init__(
        self,
        mi: Mi,
        intake: Intake,
        rows: ListedRows,
        users: UserLister,
        outcomes: ListingOutcomes,
    ) -> None:
        self._mi = mi
        self._intake = intake
        self._rows = rows
        self._users = users
        self._outcomes = outcomes
        self._tables: set[str] = {"location"}

    def list_all(self) -> None:
        """Publish a snapshot of every location table. Raises MiError.

        Nothing is published where usrloc keeps its contacts in a database, or may do so.
        """
        intake = self._intake
        if intake.context.in_database:
            return
        began, boot = intake.ticks.now(), intake.context.boot
        listed, connections = query_contacts(self._mi)
        with intake.lock:
            names = dict.fromkeys([*self._tables, *(one.domain for one in listed)])
            rows = {
                name: self._rows.read([one for one in listed if one.domain == name], began.at)
                for name in names
            }
        if not self._is_complete(rows, began.seq):
            return
        self._tables = set(rows)  # one that is empty now was not before: its contacts are gone
        with intake.lock:
            if boot != intake.context.boot:
                return
            for table, found in rows.items():
                taken = begin(intake.context, began, table)
                intake.publish_everywhere(mark(taken, RegistrationKind.SNAPSHOT_BEGAN))
                self._rows.publish(taken, found, connections)
                intake.publish_everywhere(mark(taken, RegistrationKind.SNAPSHOT_ENDED))

    def _is_complete(self, rows: dict[str, list[snapshot.Row]], began: int) -> bool:
        """Whether ul_dump lists all that usrloc holds: contacts it lacks are queried singly."""
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
                    self._outcomes.log_once(_STORAGE, _IN_DATABASE)
                return False
            with intake.lock:
                storage.removed(probe.user.aor, probe.binding)
                storage.shows_memory()  # it had one: ul_dump and ul_show_contact agree
        if storage.where is Usrloc.AUTO:
            self._outcomes.log_once(_STORAGE, _UNKNOWN)
        return storage.where is not Usrloc.AUTO

    def _holds(self, probe: Probe) -> bool:
        """Whether ul_show_contact has the contact."""
        try:
            listed = self._users.query(probe.user)
        except MiRefused:
            return False
        with self._intake.lock:
            return self._rows.holds(listed, probe)

    def _dumps(self, probe: Probe) -> bool:
        """Whether a second ul_dump has it: it may have been made again between the commands."""
        listed = read_contacts(self._mi.call("ul_dump"))
        with self._intake.lock:
            return self._rows.holds([one for one in listed if one.aor == probe.user.name], probe)
