"""What a translation knows beside its event: node, boot, when it came, contacts and dialogs."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from producers.opensips.contacts import Contacts
from producers.opensips.dialogs import Dialogs
from producers.opensips.event import ServerEvent
from producers.opensips.users import Users
from schemas.topics import Topic
from schemas.vocabulary import Source


class Translated(NamedTuple):
    """One record to publish."""

    topic: Topic
    key: str
    event: Any


class Received(NamedTuple):
    """When the producer read an event: the only time there is. `seq` is unique and only grows."""

    at: datetime
    seq: int


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
    # Ports the server listens on for TCP: configured, and learned from the sockets of contacts.
    ports: set[int] = field(default_factory=set)
    contacts: Contacts = field(default_factory=Contacts)
    dialogs: Dialogs = field(default_factory=Dialogs)
    # Said by a translation for whoever runs it.
    restart_seen: RestartSign | None = None
    gap_seen: str | None = None

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
