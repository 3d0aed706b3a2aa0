"""What a translation knows beside its event: node, boot, users, bindings and dialogs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from producers.sip_proxy.contact import Matching, UnreadableRow
from producers.sip_proxy.dialogs import Dialogs
from producers.sip_proxy.known_bindings import KnownBindings
from producers.sip_proxy.user_listings import UserListing
from producers.sip_proxy.users import Users
from schemas.vocabulary import Source


@dataclass(slots=True)
class Context:
    """Of one node. `boot` changes when another process of the server speaks."""

    node: str
    boot: str
    users: Users
    table: str = "location"
    matching: Matching = Matching.CONTACT
    # Whether a user's new contact replaces all others (save()'s flag 0x04).
    only_one_contact: bool = False
    # By what Paths name the server beside the addresses that clients connect to.
    path_hosts: tuple[str, ...] = ()
    known: KnownBindings = field(default_factory=KnownBindings)
    dialogs: Dialogs = field(default_factory=Dialogs)
    # Left by a translation for whoever runs it: users whose bindings only the table shows, rows
    # that cannot be read, and whether everybody is to be listed.
    unclear: list[UserListing] = field(default_factory=list)
    unreadable: list[UnreadableRow] = field(default_factory=list)
    listing_needed: bool = False

    def origin(self, seq: int, at: datetime, suffix: str = "") -> dict[str, Any]:
        """The fields of schemas.origin.Event. `seq` is the producer's: events carry none."""
        return {
            "id": f"{self.node}/{self.boot}/{seq}{suffix}",
            "source": Source.KAMAILIO,
            "node": self.node,
            "boot": self.boot,
            "seq": seq,
            "at": at,
        }
