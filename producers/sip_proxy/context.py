"""What a translation knows of the server beside its event, in OpenSIPS' and Kamailio's producer."""

from dataclasses import dataclass, field
from typing import Any, ClassVar

from producers.receive_times import Received
from producers.sip_proxy.contact import UnreadableRow
from producers.sip_proxy.dialogs import Dialogs
from producers.sip_proxy.users import Users
from schemas.vocabulary import Source


@dataclass(slots=True)
class ProxyContext:
    """One node. `boot` changes with the server's process."""

    source: ClassVar[Source]

    node: str
    boot: str
    users: Users
    # Hosts, or host:port, that name the server in Paths, beside the addresses clients connect to.
    path_hosts: tuple[str, ...] = ()
    dialogs: Dialogs = field(default_factory=Dialogs)
    # Left by a translation: rows and header elements that are refused while the others count.
    unreadable: list[UnreadableRow] = field(default_factory=list)

    def origin(self, received: Received, suffix: str = "") -> dict[str, Any]:
        """The fields of schemas.origin.Event; `suffix` distinguishes records of one event."""
        return {
            "id": f"{self.node}/{self.boot}/{received.seq}{suffix}",
            "source": self.source,
            "node": self.node,
            "boot": self.boot,
            "seq": received.seq,
            "at": received.at,
        }
