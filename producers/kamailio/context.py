"""What a translation knows beside its event: node, boot, whose AORs, which contacts there are."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from producers.opensips.contacts import Contacts
from schemas.codec import InvalidRecord
from schemas.sip_uri import MalformedUri, canonical_aor
from schemas.vocabulary import Source


@dataclass(slots=True)
class Context:
    """Of one node. `boot` changes when another process of the server speaks."""

    node: str
    boot: str
    domain: str | None = None
    table: str = "location"
    contacts: Contacts = field(default_factory=Contacts)
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

    def user(self, aor: str, field_name: str) -> str:
        """The canonical AOR of usrloc's `user` or `user@domain`. Raises InvalidRecord."""
        user, at, host = aor.rpartition("@")
        if not at:
            if self.domain is None:
                raise InvalidRecord(field_name, "has no domain; set kamailio.domain")
            user, host = aor, self.domain
        try:
            return canonical_aor(user, host.lower())
        except MalformedUri as error:
            raise InvalidRecord(field_name, str(error)) from error
