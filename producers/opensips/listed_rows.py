"""Contacts listed → rows, each with an identity of its own, and rows → snapshot records.

Between what MI answers and the listers, which say of what a listing is. The intake's lock is held.
"""

from dataclasses import asdict

from producers.opensips import snapshot
from producers.opensips.intake import Intake
from producers.opensips.listing import ListedContact
from producers.opensips.listing_failures import ListingFailures
from producers.opensips.storage import Probe
from producers.opensips.twins import told_apart, twins_of_users
from producers.receive_times import Received
from producers.refused import payload_of
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.user_listings import UserListing
from schemas.codec import InvalidRecord

_MATCHING = "matching"
_BY_CALL_ID = "usrloc has one contact by two Call-IDs: set opensips.matching = contact-callid"


class ListedRows:
    """Reads rows, publishes and remembers them."""

    def __init__(self, intake: Intake, failures: ListingFailures) -> None:
        self._intake = intake
        self._failures = failures

    def read(self, listed: list[ListedContact], began: Received) -> list[snapshot.Row]:
        """The contacts that can be read; the others are refused."""
        rows = []
        for one in listed:
            try:
                rows.append(snapshot.read(one, self._intake.context, began))
            except InvalidRecord as error:
                self._intake.refuse(payload_of(asdict(one)), error.reason, error.field)
        self._hint(rows)
        return told_apart(rows)

    def holds(self, listed: list[ListedContact], probe: Probe) -> bool:
        """Whether a contact that an event reported is among those listed."""
        rows = self.read(listed, self._intake.ticks.now())
        return probe.binding in {row.binding for row in rows}

    def publish(
        self, taken: snapshot.Snapshot, rows: list[snapshot.Row], connections: set[str] | None
    ) -> None:
        """A record of each row whose connection lives; all are remembered."""
        intake, context = self._intake, self._intake.context
        for index, row in enumerate(rows):
            if context.contacts.moves(row.aor, row.binding, row.uri):
                at, loose = taken.began.at, context.matching.may_take_another(row.uri)
                identity = row.aor, row.binding
                context.contacts.found(*identity, row.registration, at, row.uri, loose=loose)
            if context.in_database:
                user = UserListing(taken.registrar, row.name, row.aor)
                context.expiries.set(user, row.binding, row.fields["expires_at"])
            if snapshot.is_connected(row, connections):
                record = snapshot.record(taken, row, index)
                intake.publish(intake.kernel.add_cookies([record]))
        for aor, bindings in twins_of_users(rows).items():
            context.contacts.twins(aor, bindings)

    def _hint(self, rows: list[snapshot.Row]) -> None:
        """Say where the table tells contacts by Call-ID too, which nobody has configured."""
        matching = self._intake.context.matching
        if matching.by is Matching.CONTACT_CALL_ID or matching.parameters:
            return
        call_ids: dict[tuple[str, str], str | None] = {}
        for row in rows:
            call_id = row.registration[0]
            if call_ids.setdefault((row.aor, row.binding), call_id) != call_id:
                self._failures.log_once(_MATCHING, _BY_CALL_ID)
