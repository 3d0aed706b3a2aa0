"""E_UL_CONTACT_DELETE and E_UL_LATENCY_UPDATE → registrations: ends, and pings.

Pure but for the context's memory of contacts. A DELETE carries no reason (usrloc's udomain.c): it
is inferred from the event's other parameters.
"""

from datetime import UTC, datetime

from producers.opensips.contact_event import ContactEvent, read, record, request_listing
from producers.opensips.context import Context
from producers.opensips.live_contact import Remaining
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.translated import Translated
from schemas.vocabulary import RegistrationKind as Kind

# The latency that nathelper notes for an OPTIONS without an answer, µs.
PING_UNANSWERED = 1_800_000_000
# The expiry that usrloc's write-back mode sets for a contact that it removes with its next timer.
WRITE_BACK_EXPIRES = 10


def translate_delete(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """The end of a binding, with its cause as far as it is known. Raises InvalidRecord."""
    if not context.is_ours(event):
        return []
    about = read(event, context)
    expires, latency = event.number("expires"), event.number("latency")
    contacts = context.contacts
    remaining = contacts.removed_one(*about.identity, about.registration)
    context.writes_back |= expires == WRITE_BACK_EXPIRES
    if remaining is not Remaining.NONE or contacts.has_duplicates(*about.identity):
        request_listing(context, about)
        if remaining is Remaining.ANOTHER or context.asks:
            contacts.unconfirm(*about.identity)
            return []  # the listing decides
    if not contacts.knows(*about.identity):
        request_listing(context, about)  # the streams may have it by another identity
    lost_before, _ = contacts.pings.pinged(*about.identity, answered=False)
    contacts.deleted(*about.identity, received.at)
    context.storage.removed(*about.identity)
    context.expiries.remove(*about.identity)
    if expires == WRITE_BACK_EXPIRES:
        return record(context, received, about, Kind.UNREGISTERED, reason="removed in write-back")
    if expires and expires <= received.at.timestamp():
        due = datetime.fromtimestamp(expires, UTC)
        return record(context, received, about, Kind.EXPIRED, expired_due=due)
    if latency == PING_UNANSWERED:
        return _removed_after_pings(context, received, about, lost_before or 0)
    if context.connection_ends.lost_connection(about.remote, received.at):
        reason = "removed with its connection (remove_ip_port)"
        return record(context, received, about, Kind.CONNECTION_LOST, reason=reason)
    return record(context, received, about, Kind.UNREGISTERED)


def translate_latency(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A ping with or without an answer; a record only where that changes the binding's state.

    Raises InvalidRecord.
    """
    if not context.is_ours(event):
        return []
    about = read(event, context)
    answered = event.required_number("latency") != PING_UNANSWERED
    before, now = context.contacts.pings.pinged(*about.identity, answered=answered)
    limit = context.pings_lost_max
    if now == limit:
        reason = f"{limit} pings in a row were not answered"
        return record(context, received, about, Kind.PING_LOST, reason=reason)
    if answered and (before is None or before >= limit):
        return record(context, received, about, Kind.PING_RESTORED)
    return []


def _removed_after_pings(
    context: Context, received: Received, about: ContactEvent, lost_before: int
) -> list[Translated]:
    reason = "pings were not answered"
    expired = record(context, received, about, Kind.EXPIRED, reason=reason)
    if lost_before >= context.pings_lost_max:
        return expired
    return [*record(context, received, about, Kind.PING_LOST, "/ping", reason=reason), *expired]
