"""What a translation knows beside its event: node, boot, users, contacts and dialogs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from producers.opensips.contacts import Contacts
from producers.opensips.dialogs import Dialogs
from producers.opensips.users import Users
from schemas.vocabulary import Source


@dataclass(slots=True)
class Context:
    """Of one node. `boot` changes when another process of the server speaks."""

    node: str
    boot: str
    users: Users
    table: str = "location"
    contacts: Contacts = field(default_factory=Contacts)
    dialogs: Dialogs = field(default_factory=Dialogs)
    # Said by a translation for whoever runs it: only a listing tells which bindings went.
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
