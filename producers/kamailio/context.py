"""What translations of one Kamailio's events need beside the event."""

from dataclasses import dataclass, field
from typing import ClassVar

from producers.sip_proxy.contact import Matching
from producers.sip_proxy.context import ProxyContext
from producers.sip_proxy.known_bindings import KnownBindings
from producers.sip_proxy.user_listings import UserListing
from schemas.vocabulary import Source


@dataclass(slots=True)
class Context(ProxyContext):
    """One node. `boot` changes when another process of the server reports events."""

    source: ClassVar[Source] = Source.KAMAILIO

    table: str = "location"
    matching: Matching = Matching.CONTACT
    # Whether a user's new contact replaces all others (save()'s flag 0x04).
    only_one_contact: bool = False
    known: KnownBindings = field(default_factory=KnownBindings)
    # Left by a translation: users to be listed, and whether all are.
    unclear: list[UserListing] = field(default_factory=list)
    listing_needed: bool = False
