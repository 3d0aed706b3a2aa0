"""Events of a device behind an edge, for fold tests: at the edge, and at the registrar."""

from typing import Any

from schemas.internal import NodeChange
from schemas.origin import Address
from schemas.presence import Presence
from schemas.registration import RegistrationEvent
from schemas.vocabulary import NodeKind, Source
from tests.unit.fold_events import (
    loss,
    moment,
    registered,
)

PROXY = Address(ip="10.9.9.9", port=40000)


def client(port: int = 5061) -> Address:
    return Address(ip="10.0.0.7", port=port)


def at_edge(event: RegistrationEvent, port: int = 5061) -> RegistrationEvent:
    """The same event as an edge without a location table reports it."""
    event.registrar, event.source = "edge", Source.OPENSIPS
    event.remote = client(port)
    return event


def with_table(event: RegistrationEvent, source: Source = Source.OPENSIPS) -> RegistrationEvent:
    """As a proxy with a location table reports it: a mid-registrar, or a registrar itself."""
    event.source, event.registrar = source, "location"
    return event


def edge(seq: int, port: int = 5061, **more: Any) -> RegistrationEvent:
    return at_edge(registered(seq, node="edge1", port=port, **more), port)


def behind(seq: int, port: int = 5061, *, path: bool = True, **more: Any) -> RegistrationEvent:
    event = registered(seq, node="fs1", port=port, **more)
    event.remote = PROXY
    if path:
        event.path, event.received = "<sip:edge1;lr>", client(port)
    return event


def edge_lost(seq: int, port: int = 5061) -> Any:
    return loss(seq, port=port, node="edge1")


def bindings(published: list[Presence]) -> list[list[tuple[str, str | None, int]]]:
    return [[(b.node, b.edge, b.remote.port) for b in p.bindings if b.remote] for p in published]


CONTACT = "sip:1001@b.invalid;transport=tcp"  # the client's own: the same from every port


def same(event: RegistrationEvent) -> RegistrationEvent:
    event.contact = event.binding = CONTACT
    return event


def from_edge(seq: int, port: int, **more: Any) -> RegistrationEvent:
    return same(edge(seq, port, **more))


def from_registrar(seq: int, port: int, **more: Any) -> RegistrationEvent:
    return same(behind(seq, port, **more))


def edge_restarted(at: float) -> NodeChange:
    return NodeChange(
        id=f"edge1/up/{at}", kind=NodeKind.UP, node="edge1", boot="boot-z", at=moment(at)
    )


def edge_closed(seq: int, port: int, **more: Any) -> Any:
    gone = loss(seq, port=port, node="edge1", source=Source.SOCKETS, **more)
    gone.binding = f"edge1|{CONTACT}"
    return gone
