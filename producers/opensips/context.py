"""What a translation knows beside its event: node, boot, when it came, contacts and dialogs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from producers.opensips.connection_ends import ConnectionEnds
from producers.opensips.contacts import Contacts
from producers.opensips.echoes import Echoes
from producers.opensips.expiries import Expiries
from producers.opensips.matching import ContactMatching
from producers.opensips.storage import Storage, Usrloc
from producers.opensips.user_records import UserRecords
from producers.receive_times import Received
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.dialogs import Dialogs
from producers.sip_proxy.event import ServerEvent
from producers.sip_proxy.user_listings import UserListing
from producers.sip_proxy.users import Users
from schemas.vocabulary import Source


class RestartSign(NamedTuple):
    """Why the server must have restarted; `since` is when it did not have to yet."""

    reason: str
    since: datetime | None = None


@dataclass(slots=True)
class Context:
    """Of one node. `boot` changes when the server is seen to have restarted."""

    node: str
    boot: str
    users: Users
    shtag: str | None = None
    pings_lost_max: int = 2
    caller_extra: str = "caller"
    callee_extra: str = "callee"
    matching: ContactMatching = field(default_factory=ContactMatching)
    max_contacts: int | None = None
    storage: Storage = field(default_factory=Storage)
    echoes: Echoes = field(default_factory=Echoes)
    expiries: Expiries = field(default_factory=Expiries)
    # Whether somebody asks the server for a user's contacts (MI).
    asks: bool = False
    # By what Paths name it beside the addresses that clients connect to.
    path_hosts: tuple[str, ...] = ()
    # Ports the server listens on for TCP: configured, and learned from the sockets of contacts.
    ports: set[int] = field(default_factory=set)
    contacts: Contacts = field(default_factory=Contacts)
    connection_ends: ConnectionEnds = field(default_factory=ConnectionEnds)
    user_records: UserRecords = field(default_factory=UserRecords)
    dialogs: Dialogs = field(default_factory=Dialogs)
    # usrloc writes back: what it removes it reports with its next timer (seen by a DELETE).
    writes_back: bool = False
    # Noted by a translation for whoever runs it.
    restart_seen: RestartSign | None = None
    gap_seen: str | None = None
    unclear: UserListing | None = None
    all_unclear: bool = False
    unreadable: list[UnreadableRow] = field(default_factory=list)  # beside others that count

    @property
    def in_database(self) -> bool:
        """Whether usrloc keeps no contacts in its memory."""
        return self.storage.where is Usrloc.DATABASE

    def origin(self, received: Received, suffix: str = "") -> dict[str, Any]:
        """The fields of schemas.origin.Event."""
        return {
            "id": f"{self.node}/{self.boot}/{received.seq}{suffix}",
            "source": Source.OPENSIPS,
            "node": self.node,
            "boot": self.boot,
            "seq": received.seq,
            "at": received.at,
        }

    def is_ours(self, event: ServerEvent) -> bool:
        """Whether this node answers for the contact; replicas raise the same events."""
        tag = event.text("shtag")
        return self.shtag is None or tag is None or tag == self.shtag
