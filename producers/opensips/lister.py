"""Asks MI for listings and publishes them as snapshots."""

from collections import deque
from dataclasses import asdict
from datetime import datetime, timedelta

from producers.opensips import snapshot
from producers.opensips.call_lister import CallLister
from producers.opensips.context import Received, Translated
from producers.opensips.errors import ListingUnreadable, MiError, MiRefused
from producers.opensips.intake import Intake
from producers.opensips.listing import (
    ListedContact,
    read_connections,
    read_contacts,
    read_start,
    read_user,
)
from producers.opensips.matching import ContactMatching
from producers.opensips.mi import Mi
from producers.opensips.storage import Probe, Usrloc
from producers.refused import payload_of
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.user_listings import UserListing
from runtime import logs, metrics
from schemas.codec import InvalidRecord
from schemas.vocabulary import RegistrationKind

log = logs.get(__name__)

USERS_A_ROUND = 50
# How many of the contacts that ul_dump lacks are asked for singly.
_PROBES_A_LISTING = 3
_CONTACTS, _USERS, _STORAGE = "contacts", "users", "storage"
# With a database usrloc raises a REGISTER's events before it writes what they report.
_WRITTEN = timedelta(seconds=0.3)
_NOT_FOUND = "AOR not found"
_IN_DATABASE = "usrloc keeps its contacts in a database: ul_dump lists none, users are asked for"
_BY_CALL_ID = "usrloc has one contact by two Call-IDs: set opensips.matching = contact-callid"
_UNKNOWN = "ul_dump is empty, and nothing shows yet that usrloc keeps its contacts in memory"


def ask_contacts(mi: Mi) -> tuple[list[ListedContact], set[str] | None]:
    """The contacts the server counts on, and its live connections' peers, None if not known.

    Raises MiError.
    """
    rows = [row for row in read_contacts(mi.call("ul_dump")) if not snapshot.is_gone(row)]
    return rows, ask_connections(mi)  # after the contacts, so that one just made is in both


def ask_connections(mi: Mi) -> set[str] | None:
    """The live connections' peers; None where it has no TCP, or does not know the command."""
    try:
        return read_connections(mi.call("list_tcp_conns"))
    except MiRefused:
        return None


def ask_user(mi: Mi, user: UserListing) -> list[ListedContact]:
    """What usrloc holds of the user, from its database too (ul_mi.c). Raises MiError."""
    try:
        reply = mi.call("ul_show_contact", {"table_name": user.table, "aor": user.name})
    except MiRefused as error:
        if _NOT_FOUND in str(error):
            return []
        raise
    if isinstance(reply, dict) and _NOT_FOUND in str(reply.get("error", "")):
        return []  # mi_json of 2.4, with the status 200
    rows = read_user(reply, user.table)
    return [row for row in rows if not snapshot.is_gone(row)]


class Lister:
    """In one thread; the intake's lock is held only while records go out, never while MI thinks."""

    def __init__(self, mi: Mi, intake: Intake) -> None:
        self._mi = mi
        self._intake = intake
        self._logged: dict[str, str] = {}  # what could not be listed, and why
        self._tables: set[str] = {"location"}
        self._labels = {"source": "opensips", "node": intake.node}
        self._calls = CallLister(mi, intake, self._failed, self._everywhere)
        self._due: deque[tuple[datetime, UserListing]] = deque()
        self._stored: UserListing | None = None  # whom the table was last seen to have
        self.answers = False

    def identify(self) -> None:
        """Ask when the server started: which process it is, and that it lives."""
        try:
            start = read_start(self._mi.call("uptime"))
            if start is None:
                raise ListingUnreadable("uptime: no time of the start")
        except MiError as error:
            self._failed(error, _CONTACTS)
            return
        self.answers = True
        version = self._version() if self._intake.server.version is None else None
        with self._intake.lock:
            self._intake.publish(self._intake.server.identified(start, version))

    def list_contacts(self) -> bool:
        """A snapshot of every location table; whether it could be taken.

        Nothing is published where usrloc keeps its contacts in a database, or may do so.
        """
        try:
            self._list_contacts()
        except MiError as error:
            self._failed(error, _CONTACTS)
            metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "failed"})
            return False
        self._logged.pop(_CONTACTS, None)
        metrics.SNAPSHOTS.add(1, {**self._labels, "outcome": "ok"})
        return True

    def list_users(self) -> None:
        """An exact snapshot of each user whose bindings an event left unclear."""
        context = self._intake.context
        now = self._intake.ticks.now().at
        wait = _WRITTEN if context.in_database else timedelta()
        taken = self._intake.listings.take(USERS_A_ROUND)
        self._due.extend((now + wait, user) for user in taken)
        connections: set[str] | None = None
        is_first = True
        while self._due and self._due[0][0] <= now:
            _, user = self._due.popleft()
            began, boot = self._intake.ticks.now(), context.boot
            try:
                listed = self._ask_user(user)
                if not listed and context.in_database and not self._database_answers(user):
                    continue
                if is_first:
                    connections, is_first = ask_connections(self._mi), False
            except MiError as error:
                self._failed(error, _USERS)
                continue
            with self._intake.lock:
                if boot == context.boot:
                    of = snapshot.begin(context, began, user.table, user.aor)
                    self._publish_user(of, listed, connections)

    @property
    def waits(self) -> bool:
        """Whether users are still to be asked for."""
        return bool(self._due)

    def _ask_user(self, user: UserListing) -> list[ListedContact]:
        intake, storage = self._intake, self._intake.context.storage
        with intake.lock:
            storage.asks(user.aor)
        try:
            listed = ask_user(self._mi, user)
        finally:
            with intake.lock:
                storage.answered(user.aor, intake.ticks.now().at)
        if listed:
            self._stored = user
        return listed

    def _database_answers(self, missing: UserListing) -> bool:
        """Whether a user who was stored lately still is: usrloc answers that there is none, too,
        while its database does not answer (db_load_urecord()).
        """
        stored = self._stored
        if stored is None or stored.aor == missing.aor:
            return True  # nobody else is known to be stored
        return bool(self._ask_user(stored))

    def list_calls(self) -> None:
        """A snapshot of the dialogs."""
        self._calls.list_calls()

    def name_parties(self) -> None:
        """Ask for the parties of dialogs that no event named."""
        self._calls.name_parties()

    def _failed(self, error: MiError, what: str) -> None:
        """Counted each time; the same reason again and again is logged once."""
        self.answers = isinstance(error, MiRefused | ListingUnreadable)
        if self.answers:
            with self._intake.lock:
                self._intake.server.heard()
        metrics.SOURCE_FAILURES.add(1, {**self._labels, "reason": error.reason})
        self._log_once(what, error.reason, error=type(error).__name__, detail=str(error))

    def _everywhere(self, mark: Translated) -> None:
        self._intake.publisher.publish_everywhere(mark.topic, mark.key, mark.event)

    def _list_contacts(self) -> None:
        intake = self._intake
        if intake.context.in_database:
            return
        began, boot = intake.ticks.now(), intake.context.boot
        listed, connections = ask_contacts(self._mi)
        with intake.lock:
            names = dict.fromkeys([*self._tables, *(one.domain for one in listed)])
            rows = {
                name: self._read([one for one in listed if one.domain == name], began)
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
                self._publish(taken, found, connections)
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
                    self._log_once(_STORAGE, _IN_DATABASE)
                return False
            with intake.lock:
                storage.removed(probe.user.aor, probe.binding)
                storage.shows_memory()  # it had one: ul_dump and ul_show_contact agree
        if storage.where is Usrloc.AUTO:
            self._log_once(_STORAGE, _UNKNOWN)
        return storage.where is not Usrloc.AUTO

    def _holds(self, probe: Probe) -> bool:
        try:
            listed = self._ask_user(probe.user)
        except MiRefused:
            return False
        return self._has(listed, probe)

    def _dumps(self, probe: Probe) -> bool:
        """Asked once more: the contact may have come back between the two questions."""
        listed = read_contacts(self._mi.call("ul_dump"))
        return self._has([one for one in listed if one.aor == probe.user.name], probe)

    def _has(self, listed: list[ListedContact], probe: Probe) -> bool:
        with self._intake.lock:
            rows = self._read(listed, self._intake.ticks.now())
        return probe.binding in {row.binding for row in rows}

    def _publish_user(
        self,
        taken: snapshot.Snapshot,
        listed: list[ListedContact],
        connections: set[str] | None,
    ) -> None:
        context = self._intake.context
        rows = [row for row in self._read(listed, taken.began) if row.aor == taken.aor]
        self._intake.publish([snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN)])
        self._publish(taken, rows, connections)
        remaining = list({row.binding: None for row in rows})
        doubt = _WRITTEN * 0.8 if context.in_database else timedelta()
        context.contacts.listed(taken.aor or "", remaining, taken.began.at - doubt)
        ended = snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED, remaining, doubt)
        self._intake.publish([ended])

    def _read(self, listed: list[ListedContact], began: Received) -> list[snapshot.Row]:
        """The contacts that can be read; the others are refused."""
        rows = []
        for one in listed:
            try:
                rows.append(snapshot.read(one, self._intake.context, began))
            except InvalidRecord as error:
                self._intake.refuse(payload_of(asdict(one)), error.reason, error.field)
        if self._learns_matching(rows):
            return self._read(listed, began)
        return rows

    def _learns_matching(self, rows: list[snapshot.Row]) -> bool:
        """Whether the table shows, as only now is known, that it tells contacts by Call-ID too."""
        context = self._intake.context
        if context.matching.by is Matching.CONTACT_CALL_ID:
            return False
        call_ids: dict[tuple[str, str], str | None] = {}
        for row in rows:
            call_id = row.registration[0]
            if call_ids.setdefault((row.aor, row.uri), call_id) != call_id:
                by_call_id = Matching.CONTACT_CALL_ID
                context.matching = ContactMatching(by_call_id, context.matching.parameters)
                self._log_once(_STORAGE, _BY_CALL_ID)
                self._intake.server.wants_listing()  # every other binding has another identity now
                return True
        return False

    def _publish(
        self, taken: snapshot.Snapshot, rows: list[snapshot.Row], connections: set[str] | None
    ) -> None:
        intake, contacts = self._intake, self._intake.context.contacts
        for index, row in enumerate(rows):
            if contacts.moves(row.aor, row.binding, row.uri):
                at = taken.began.at
                contacts.registered(row.aor, row.binding, row.registration, at, row.uri)
            if snapshot.is_connected(row, connections):
                record = snapshot.record(taken, row, index)
                intake.publish(intake.kernel.testify([record]))

    def _version(self) -> str | None:
        try:
            reply = self._mi.call("version")
        except MiError:
            return None
        server = reply.get("Server") if isinstance(reply, dict) else None
        return server if isinstance(server, str) else None

    def _log_once(self, what: str, reason: str, **details: str) -> None:
        if self._logged.get(what) != reason:
            self._logged[what] = reason
            log.warning("MI gives no listing", what=what, reason=reason, **details)
