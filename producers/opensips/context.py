"""What translations of one OpenSIPS' events need beside the event."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, NamedTuple

from producers.opensips.connection_ends import ConnectionEnds
from producers.opensips.contacts import Contacts
from producers.opensips.expiries import Expiries
from producers.opensips.lookup_events import LookupEvents
from producers.opensips.matching import ContactMatching
from producers.opensips.storage import Storage, Usrloc
from producers.opensips.user_records import UserRecords
from producers.sip_proxy.context import ProxyContext
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.user_listings import UserListing
from schemas.vocabulary import Source


class RestartSign(NamedTuple):
    """A sign that the server has restarted; `since`: it had not yet at this time."""

    reason: str
    since: datetime | None = None


@dataclass(slots=True)
class Context(ProxyContext):
    """One node. `boot` changes when the server is found to have restarted."""

    source: ClassVar[Source] = Source.OPENSIPS

    shtag: str | None = None
    pings_lost_max: int = 2
    caller_extra: str = "caller"
    callee_extra: str = "callee"
    matching: ContactMatching = field(default_factory=ContactMatching)
    max_contacts: int | None = None
    storage: Storage = field(default_factory=Storage)
    lookup_events: LookupEvents = field(default_factory=LookupEvents)
    expiries: Expiries = field(default_factory=Expiries)
    # Whether users can be listed (MI).
    asks: bool = False
    # TCP ports the server listens on: configured, and learned from the sockets of contacts.
    ports: set[int] = field(default_factory=set)
    contacts: Contacts = field(default_factory=Contacts)
    connection_ends: ConnectionEnds = field(default_factory=ConnectionEnds)
    user_records: UserRecords = field(default_factory=UserRecords)
    # usrloc is in write-back mode: it reports an end with its next timer (seen by a DELETE).
    writes_back: bool = False
    # Left by a translation: signs of a restart and of a gap, and who is to be listed.
    restart_seen: RestartSign | None = None
    gap_seen: str | None = None
    unclear: UserListing | None = None
    all_unclear: bool = False

    @property
    def in_database(self) -> bool:
        """Whether usrloc keeps no contacts in its memory."""
        return self.storage.where is Usrloc.DATABASE

    def is_ours(self, event: ServerEvent) -> bool:
        """Whether this node answers for the contact; replicas raise the same events."""
        tag = event.text("shtag")
        return self.shtag is None or tag is None or tag == self.shtag
