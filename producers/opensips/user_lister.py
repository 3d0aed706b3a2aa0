"""Lists single users, exactly: those whose bindings an event left unclear, or a clock ended."""

import heapq
from datetime import datetime, timedelta

from producers.opensips import snapshot
from producers.opensips.intake import Intake
from producers.opensips.listed_rows import ListedRows
from producers.opensips.listing import ListedContact
from producers.opensips.listing_failures import ListingFailures
from producers.opensips.questions import ask_connections, ask_user
from producers.sip_proxy.errors import MiError, MiUnreachable
from producers.sip_proxy.mi import Mi
from producers.sip_proxy.user_listings import UserListing
from schemas.vocabulary import RegistrationKind

USERS_A_ROUND = 50
_USERS = "users"
# How many others are asked for before a database is taken to fail.
_OTHERS = 5
_AGAIN = timedelta(seconds=2)
# With a database usrloc raises a REGISTER's events before it writes what they report.
_WRITTEN = timedelta(seconds=0.3)


class UserLister:
    """In the lister's thread; the intake's lock is never held while MI is asked."""

    def __init__(self, mi: Mi, intake: Intake, rows: ListedRows, failures: ListingFailures) -> None:
        self._mi = mi
        self._intake = intake
        self._rows = rows
        self._failures = failures
        self._due: list[tuple[datetime, UserListing]] = []  # a heap

    @property
    def waits(self) -> bool:
        """Whether users are still to be asked for."""
        return bool(self._due)

    def list_users(self) -> None:
        """An exact snapshot of each user who is to be asked for by now."""
        context = self._intake.context
        now = self._intake.ticks.now().at
        wait = _WRITTEN if context.in_database else timedelta()
        if context.in_database:
            with self._intake.lock:
                for user in context.expiries.take(now):
                    self._intake.listings.ask(user)
        taken = self._intake.listings.take(USERS_A_ROUND)
        for user in taken:
            heapq.heappush(self._due, (now + wait, user))
        connections: set[str] | None = None
        is_first = True
        while self._due and self._due[0][0] <= now:
            _, user = heapq.heappop(self._due)
            began, boot = self._intake.ticks.now(), context.boot
            try:
                listed = self.ask(user)
                if not listed and context.in_database and not self._database_answers(user):
                    heapq.heappush(self._due, (now + _AGAIN, user))
                    continue
                if is_first:
                    connections, is_first = ask_connections(self._mi), False
            except MiError as error:
                self._failures.failed(error, _USERS)
                if isinstance(error, MiUnreachable):
                    self._intake.listings.ask(user)
                continue
            with self._intake.lock:
                if boot == context.boot:
                    of = snapshot.begin(context, began, user.table, user.aor)
                    self._publish(of, listed, connections)

    def ask(self, user: UserListing) -> list[ListedContact]:
        """What usrloc counts on of the user. Raises MiError."""
        intake, echoes = self._intake, self._intake.context.echoes
        with intake.lock:
            echoes.asks(user.aor)
        stored: list[ListedContact] = []
        try:
            stored = ask_user(self._mi, user)
        finally:
            with intake.lock:
                read = [(row.contact, row.fields.get("Callid")) for row in stored]
                if echoes.answered(user.aor, read, intake.ticks.now().at):
                    intake.listings.ask(user)  # somebody else has read the user meanwhile
        return [row for row in stored if not snapshot.is_gone(row)]

    def _database_answers(self, missing: UserListing) -> bool:
        """Whether one of several users who should be stored is: usrloc answers that there is none,
        too, while its database does not answer (db_load_urecord()).
        """
        with self._intake.lock:
            now = self._intake.ticks.now().at
            others = self._intake.context.expiries.live(now, missing, _OTHERS)
        return not others or any(self.ask(one) for one in others)

    def _publish(
        self,
        taken: snapshot.Snapshot,
        listed: list[ListedContact],
        connections: set[str] | None,
    ) -> None:
        context = self._intake.context
        rows = [row for row in self._rows.read(listed, taken.began) if row.aor == taken.aor]
        self._intake.publish([snapshot.mark(taken, RegistrationKind.SNAPSHOT_BEGAN)])
        self._rows.publish(taken, rows, connections)
        remaining = list({row.binding: None for row in rows})
        doubt = _WRITTEN * 0.8 if context.in_database else timedelta()
        context.contacts.listed(taken.aor or "", remaining, taken.began.at - doubt)
        ended = snapshot.mark(taken, RegistrationKind.SNAPSHOT_ENDED, remaining, doubt)
        self._intake.publish([ended])
