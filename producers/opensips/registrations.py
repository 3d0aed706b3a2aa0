"""E_UL_CONTACT_INSERT, E_UL_CONTACT_UPDATE and E_UL_AOR_* → registrations.

Pure but for the context's memory of contacts.
"""

import contextlib
from typing import Any

from producers.opensips.contact_event import note_live, read, record, request_listing
from producers.opensips.contacts import Insert
from producers.opensips.context import Context, RestartSign
from producers.opensips.user_records import RECORDS_OF_A_START
from producers.receive_times import Received
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.expiry import expiry
from producers.translated import Translated
from schemas.codec import InvalidRecord
from schemas.vocabulary import RegistrationKind as Kind


def translate_insert(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A new binding; no record of one that usrloc only read from its database again.

    With `sql-only` and `full-sharing-cachedb` (2.4: db_mode 3) each lookup and REGISTER reads all
    of the user's contacts, expired ones and those of other nodes too. So one contact shows nothing
    of the server: its own status or MI's uptime does, or the records of several users made anew.
    Raises InvalidRecord.
    """
    if not context.is_ours(event):
        return []
    about, expires = read(event, context), expiry(event)
    is_known = context.contacts.knows(*about.identity)
    is_own_lookup = False
    if context.in_database:
        stored = about.uri, about.registration[0]
        is_own_lookup = context.lookup_events.take(about.aor, stored, received.at)
        is_expired = expires is not None and expires <= received.at
        if is_expired or not about.is_here:
            return []  # expired, or another node's: dbrow2info() knows no such socket
    loose = context.matching.may_take_another(about.uri)
    inserted = context.contacts.inserted
    what, since = inserted(*about.identity, about.registration, received.at, about.uri, loose=loose)
    note_live(context, about, expires, received)
    if context.in_database and what in (Insert.REPEATED, Insert.REPLAYED):
        # A lookup, or a REGISTER that removes contacts: `*` (delete_urecord()), and all that
        # full-sharing-cachedb removes, raise no other event.
        if not is_own_lookup:
            request_listing(context, about)
        return []
    ended = since is not None and context.connection_ends.has_ended(about.remote, since)
    if what is Insert.REPEATED and ended:
        return []  # read again for a lookup
    remade = context.user_records.remade(about.aor, since, received.at) if since else 0
    if what is Insert.REPLAYED:
        if remade >= RECORDS_OF_A_START:
            context.restart_seen = RestartSign("records of users are made again", since)
        return []
    if what is Insert.UNEXPECTED and remade:
        context.gap_seen = "a user's record that was there is made again: events are missing"
    # A known contact read by an own lookup is in its answer; an unknown one may have ended since.
    is_unclear = is_known is not is_own_lookup and what is not Insert.REPEATED
    if is_unclear or _may_replace(context, about.aor):
        request_listing(context, about)
    return record(context, received, about, Kind.REGISTERED, expires_at=expires)


def translate_update(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """A binding renewed, or moved to another address. Raises InvalidRecord.

    An unknown one may be a known one under a new URI, which usrloc changes where it matches by
    parameters (lib/reg/ci.c): the user is listed, or without MI its Call-ID decides.
    """
    if not context.is_ours(event):
        return []
    about, expires = read(event, context), expiry(event)
    contacts, replaces = context.contacts, False
    if not contacts.knows(*about.identity):
        request_listing(context, about)
        renamed = contacts.may_be_renamed(*about.identity, about.registration)
        replaces = renamed and not context.asks
    elif (
        # db_update_ucontact() keeps the old URI.
        (context.in_database and contacts.has_other_uri(*about.identity, about.uri))
        or contacts.has_loose(about.aor)
        or contacts.has_duplicates(*about.identity)
    ):
        request_listing(context, about)
    loose = context.matching.may_take_another(about.uri)
    contacts.registered(*about.identity, about.registration, received.at, about.uri, loose=loose)
    note_live(context, about, expires, received)
    if replaces:
        contacts.replaced(*about.identity, about.registration[0])
    fields: dict[str, Any] = {"expires_at": expires, "replaces_call_id": replaces}
    return record(context, received, about, Kind.REFRESHED, **fields)


def translate_record(event: ServerEvent, context: Context, received: Received) -> list[Translated]:
    """E_UL_AOR_INSERT and E_UL_AOR_DELETE: a user's record in memory; database modes have none."""
    context.storage.shows_memory()
    if event.name == "E_UL_AOR_INSERT" and event.text("aor") is not None:
        with contextlib.suppress(InvalidRecord):  # its contact's event follows, and is refused
            aor = context.users.stored(event.required("aor"))
            if context.contacts.count(aor):
                context.user_records.made(aor, received.at)
    return []


def _may_replace(context: Context, aor: str) -> bool:
    """Whether a new contact may have replaced another whose end no event has reported yet.

    Else usrloc raises the DELETE of what it replaces before the INSERT (save.c, insert_contacts()).
    """
    count = context.contacts.count(aor)
    if context.max_contacts is not None and count > context.max_contacts:
        return True
    return context.writes_back and count > 1
