"""An edge without a location table whose producer was away, and a registrar behind it."""

from collections.abc import Mapping
from typing import Any

from schemas import topics
from schemas.connection import ConnectionEvent, connection_id
from schemas.node import NodeEvent
from schemas.registration import LiveConnection, RegistrationEvent
from schemas.vocabulary import ConnectionKind, NodeKind, RegistrationKind, Source, Transport
from tests.unit.edge_events import behind as registered_behind
from tests.unit.edge_events import client, edge
from tests.unit.fold_events import moment
from tests.unit.pipeline import Pipeline

EDGE = "edge1"


PATH = "<sip:192.0.2.9:5060;lr;received=sip:10.0.0.7:{port}%3Btransport%3D{over}>"


HOSTS = ("192.0.2.9:5060",)


def behind(seq: int, port: int = 5061, *, over: str = "tcp", **more: Any) -> RegistrationEvent:
    """The registrar's report of a REGISTER through the edge, which has not reported it."""
    event = registered_behind(seq, port, **more)
    event.path = PATH.format(port=port, over=over)
    return event


def row(seq: int, port: int = 5061, **more: Any) -> RegistrationEvent:
    event = behind(seq, port, **more)
    event.kind, event.snapshot = RegistrationKind.SNAPSHOT_ROW, f"fs1-{seq}"
    return event


def listing(
    at: float,
    connections: Mapping[int, int | None],
    *,
    node: str = EDGE,
    boot: str = "boot-a",
    hosts: tuple[str, ...] = HOSTS,
    part: int = 0,
    parts: int = 1,
) -> RegistrationEvent:
    """An edge's list of connections, by the client's port."""
    return RegistrationEvent(
        id=f"{node}/{boot}/listing-{at}/{part}",
        source=Source.OPENSIPS,
        node=node,
        boot=boot,
        seq=int(at),
        at=moment(at),
        kind=RegistrationKind.CONNECTIONS_LISTED,
        registrar="edge",
        snapshot=f"{node}-{at}",
        connections=[
            LiveConnection(remote=client(port), cookie=cookie)
            for port, cookie in connections.items()
        ],
        hosts=list(hosts),
        part=part,
        parts=parts,
    )


def closed(at: float, port: int = 5061, cookie: int | None = 7, node: str = EDGE) -> Any:
    remote = client(port)
    return ConnectionEvent(
        id=f"{node}/kernel/{at}/{cookie}",
        source=Source.SOCKETS,
        node=node,
        boot="kernel",
        seq=int(at * 100),
        at=moment(at),
        kind=ConnectionKind.CLOSED,
        connection=connection_id(node, remote),
        transport=Transport.TCP,
        remote=remote,
        cookie=cookie,
    )


def mark(kind: NodeKind, at: float, boot: str = "boot-a", node: str = EDGE) -> NodeEvent:
    return NodeEvent(
        id=f"{node}/{boot}/{kind}/{at}",
        source=Source.OPENSIPS,
        node=node,
        boot=boot,
        seq=0,
        at=moment(at),
        kind=kind,
    )


class Site(Pipeline):
    """A pipeline that is fed in the order of what is given."""

    def apply(self, *events: Any) -> "Site":
        for event in events:
            if isinstance(event, RegistrationEvent):
                self.feed(topics.REGISTRATIONS, [(event.aor or event.node, event)])
            elif isinstance(event, ConnectionEvent):
                self.feed(topics.CONNECTIONS, [(event.connection, event)])
            else:
                self.feed(topics.NODES, [(event.node, event)])
        assert not self.dead_letters
        return self

    @property
    def last(self) -> str:
        return self.changes("1001")[-1]

    @property
    def places(self) -> list[tuple[str, str | None, int | None, bool]]:
        return [
            (b.node, b.edge, b.remote.port if b.remote else None, b.stale)
            for b in self.published[-1].bindings
        ]


def expired_at_edge(at: float) -> RegistrationEvent:
    event = edge(int(at))
    event.kind, event.expired_due = RegistrationKind.EXPIRED, moment(at - 1)
    return event


BACK = mark(NodeKind.GAP, 20)
