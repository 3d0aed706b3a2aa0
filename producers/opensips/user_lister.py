"""Lists single users, exactly: those whose bindings an event left unclear, or that have expired."""

import heapq
from datetime import datetime, timedelta

from producers.opensips.intake import Intake
from producers.opensips.listed_contact import ListedContact, is_gone
from producers.opensips.listed_rows import ListedRows
from producers.opensips.queries import query_connections, query_user
from producers.sip_proxy.errors import MiError, MiUnreachable
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.snapshot import Snapshot, begin, mark
from producers.sip_proxy.user_listings import UserListing
from schemas.vocabulary import RegistrationKind

USERS_A_ROUND = 50
_USERS = "users"
# How many other users are queried before a database counts as failed.
_OTHERS = 5
_RETRY = timedelta(seconds=2)
# With a database usrloc raises a REGISTER's events before it writes what they report.
_WRITE_DELAY = timedelta(seconds=0.3)


class UserLister:
    """Used in the lister's thread; the intake's lock is never held during a command."""

    def __init__(self, mi: Mi, intake: Intake, rows: ListedRows, outcomes: ListingOutcomes) -> None:
        self._mi = mi
        self._intake = intake
        self._rows = rows
        self._outcomes = outcomes
        self._due: list[tuple[datetime, UserListing]] = []  # a heap

    @property
    def waits(self) -> bool:
        """Whether users are still to be listed."""
        return bool(self._due)

    def list_users(self) -> None:
        """Publish an exact snapshot of each user that is to be listed by now."""
        now = self._schedule()
        context = self._intake.context
        connections: set[str] | None = None
        is_first = True
        while self._due and self._due[0][0] <= now:
            _, user = heapq.heappop(self._due)
            began, boot = self._intake.ticks.now(), context.boot
            try:
                listed = self.query(user)
                if not listed and context.in_database and not self._database_answers(user):
                    heapq.heappush(self._due, (now + _RETRY, user))
                    continue
                if is_first:
                    connections, is_first = query_connections(self._mi), False
            except MiError as error:
                self._outcomes.failed(error, _USERS)
                if isinstance(error, MiUnreachable):
                    self._intake.listings.ask(user)
                continue
            with self._intake.lock:
                if boot == context.boot:
                    taken = begin(context, began, user.table, user.aor)
                    self._publish(taken, listed, connections)

    def query(self, user: UserListing) -> list[ListedContact]:
        """The user's contacts that usrloc uses. Raises MiError."""
        intake, lookup_events = self._intake, self._intake.context.lookup_events
        with intake.lock:
            lookup_events.begin(user.aor)
        stored: list[ListedContact] = []
        try:
            stored = query_user(self._mi, user)
        finally:
            with intake.lock:
                read = [(row.contact, row.fields.get("Callid")) for row in stored]
                if lookup_events.answered(user.aor, read, intake.ticks.now().at):
                    intake.listings.ask(user)  # a call or REGISTER has read the user meanwhile
        return [row for row in stored if not is_gone(row)]

    def _schedule(self) -> datetime:
        """Put the users that are to be listed on the heap. Returns the time."""
        context = self._intake.context
        now = self._intake.ticks.now().at
        wait = _WRITE_DELAY if context.in_database else timedelta()
        if context.in_database:
            with self._intake.lock:
                for user in context.expiries.take(now):
                    self._intake.listings.ask(user)
        for user in self._intake.listings.take(USERS_A_ROUND):
            heapq.heappush(self._due, (now + wait, user))
        return now

    def _database_answers(self, missing: UserListing) -> bool:
        """Whether one of several users that should be stored is: usrloc answers that there is none,
        too, while its database does not answer (db_load_urecord()).
        """
        with self._intake.lock:
            now = self._intake.ticks.now().at
            others = self._intake.context.expiries.live(now, missing, _OTHERS)
        return not others or any(self.query(one) for one in others)

    def _publish(
        self, taken: Snapshot, listed: list[ListedContact], connections: set[str] | None
    ) -> None:
        context = self._intake.context
        rows = [row for row in self._rows.read(listed, taken.began) if row.aor == taken.aor]
        self._intake.publish([mark(taken, RegistrationKind.SNAPSHOT_BEGAN)])
        self._rows.publish(taken, rows, connections)
        remaining = list({row.binding: None for row in rows})
        # What was registered within this time may not be in the table yet.
        lag = _WRITE_DELAY * 0.8 if context.in_database else timedelta()
        table_at = taken.began - lag
        context.contacts.listed(taken.aor or "", remaining, table_at)
        ended = mark(taken, RegistrationKind.SNAPSHOT_ENDED, remaining, table_at)
        self._intake.publish([ended])
