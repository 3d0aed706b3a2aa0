"""Contacts listed → rows, each with an identity of its own, and rows → published records.

Used by the listers, which decide what a listing is of. The intake's lock is held.
"""

from dataclasses import asdict
from datetime import datetime

from producers.opensips import snapshot
from producers.opensips.duplicate_rows import duplicates_of_users, separated
from producers.opensips.intake import Intake
from producers.opensips.listed_contact import ListedContact
from producers.opensips.live_contact import Registration
from producers.opensips.storage import Probe
from producers.refused import payload_of
from producers.sip_proxy.contact import Matching
from producers.sip_proxy.listing_outcomes import ListingOutcomes
from producers.sip_proxy.snapshot import Snapshot
from producers.sip_proxy.user_listings import UserListing
from schemas.codec import InvalidRecord

_MATCHING = "matching"
_BY_CALL_ID = "usrloc has one contact by two Call-IDs: set opensips.matching = contact-callid"


class ListedRows:
    """Reads rows, publishes and remembers them."""

    def __init__(self, intake: Intake, outcomes: ListingOutcomes) -> None:
        self._intake = intake
        self._outcomes = outcomes

    def read(self, listed: list[ListedContact], began: datetime) -> list[snapshot.Row]:
        """The contacts that can be read; the others are refused."""
        rows = []
        for one in listed:
            try:
                rows.append(snapshot.read(one, self._intake.context, began))
            except InvalidRecord as error:
                self._intake.refuse(payload_of(asdict(one)), error.reason, error.field)
        self._check_matching(rows)
        return separated(rows)

    def holds(self, listed: list[ListedContact], probe: Probe) -> bool:
        """Whether a contact that an event reported is among those listed."""
        rows = self.read(listed, self._intake.ticks.now().at)
        return probe.binding in {row.binding for row in rows}

    def publish(
        self,
        taken: Snapshot,
        rows: list[snapshot.Row],
        connections: set[str] | None,
    ) -> None:
        """A record of each row whose connection lives; all are remembered."""
        intake, context = self._intake, self._intake.context
        for index, row in enumerate(rows):
            if context.contacts.has_other_uri(row.aor, row.binding, row.uri):
                loose = context.matching.may_take_another(row.uri)
                identity = row.aor, row.binding
                context.contacts.found(
                    *identity, row.registration, taken.began, row.uri, loose=loose
                )
            if context.in_database:
                user = UserListing(taken.registrar, row.name, row.aor)
                context.expiries.set(user, row.binding, row.fields["expires_at"])
            if snapshot.is_connected(row, connections):
                record = snapshot.record(taken, row, index)
                intake.publish(intake.kernel.add_cookies([record]))
        for aor, bindings in duplicates_of_users(rows).items():
            context.contacts.set_duplicates(aor, bindings)

    def _check_matching(self, rows: list[snapshot.Row]) -> None:
        """Log where the table matches contacts by Call-ID too, and the settings do not."""
        matching = self._intake.context.matching
        if matching.by is Matching.CONTACT_CALL_ID or matching.parameters:
            return
        call_ids: dict[tuple[str, str], Registration] = {}
        for row in rows:
            known = call_ids.setdefault((row.aor, row.binding), row.registration)
            if known[0] != row.registration[0]:
                self._outcomes.log_once(_MATCHING, _BY_CALL_ID)
