"""One user in an audit: what nodes list, what presence shows, what the session has of them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from operate.audit.edges import Edges
from operate.audit.findings import Limits
from operate.audit.listing import Listing, Row
from schemas.presence import PresenceBinding
from schemas.registration import RegistrationEvent
from schemas.session import Binding, EndedBinding, Session
from schemas.sip_uri import MalformedUri, binding_identity
from streams.folds.edges import is_edge_of
from streams.folds.ordering import binding_key


def identity_of(contact: str) -> str:
    """The part in which equal contacts agree; for a text that is no URI, the text itself."""
    try:
        return binding_identity(contact)
    except MalformedUri:
        return contact


def key_of(event: RegistrationEvent) -> str:
    """The key of a row's binding in its session."""
    return binding_key(event.node, event.binding or "")


@dataclass(frozen=True, slots=True)
class User:
    """The two sides of a comparison; `shown` is empty for a user who is not reachable.

    `listings` are those of all nodes that answered. Presence is what is checked. The session only
    gives reasons: it has what presence does not publish (Call-ID, cookie, expiry, ends).
    """

    aor: str
    rows: list[Row]
    shown: list[PresenceBinding]
    session: Session
    listings: Mapping[str, Listing]
    limits: Limits
    edges: Edges

    def known(self, shown: PresenceBinding) -> tuple[str, Binding] | None:
        """The key and the session's binding for one that presence shows."""
        for key, binding in self.session.bindings.items():
            if binding.node == shown.node and binding.contact == shown.contact:
                return key, binding
        return None

    def known_edge(self, shown: PresenceBinding) -> Binding | None:
        """The session's binding at the edge that presence names for a shown binding."""
        for binding in self.session.bindings.values():
            if binding.node == shown.edge and binding.remote == shown.remote:
                return binding
        return None

    def shows(self, binding: Binding) -> bool:
        return any(
            one.node == binding.node and one.contact == binding.contact for one in self.shown
        )

    def edge_bindings(self, behind: Binding) -> Iterator[Binding | EndedBinding]:
        """The session's bindings, and ended ones, of the device at edges."""
        known: list[Binding | EndedBinding] = [*self.session.bindings.values()]
        return (one for one in [*known, *self.session.ended.values()] if is_edge_of(one, behind))

    def behind(self, edge: Binding) -> Iterator[Binding]:
        """The session's bindings of the device behind `edge`."""
        return (one for one in self.session.bindings.values() if is_edge_of(edge, one))

    def comes_through_an_edge(self, event: RegistrationEvent) -> bool:
        """Whether the registrar's connection is a proxy's, so that its end is not the client's."""
        edges: list[Binding | EndedBinding] = [*self.session.bindings.values()]
        edges += self.session.ended.values()
        return event.path is not None or any(is_edge_of(edge, event) for edge in edges)
