"""A small, slow, obviously right SIP cluster: what clients do, and what is true at every moment.

It knows nothing of Rollcall's state. Each act appends what the real sources would say of it
(`said`), with the imperfections they have; who is reachable is read off the facts alone.
"""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import topics
from schemas.connection import ConnectionEvent, connection_id
from schemas.node import NodeEvent
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import Topic
from schemas.vocabulary import Cause, ConnectionKind, NodeKind, RegistrationKind, Source, Transport

START = datetime(2026, 1, 1, tzinfo=UTC)
EXPIRES = 3600.0
EDGE, REGISTRARS = "edge1", ("fs1", "fs2")
PROXY = Address(ip="10.9.9.9", port=40000)


@dataclass(frozen=True)
class Said:
    """One record a source publishes: when, by the cluster's one true clock, in seconds."""

    at: float
    source: str  # what is ordered within itself: a node's registrar, a node's kernel
    topic: Topic
    key: str
    event: Any


@dataclass(eq=False)
class Device:
    """A client with one binding. `alive`: its connection is; over UDP always."""

    user: str
    node: str
    port: int
    cookie: int | None  # of its connection; None over UDP
    call_id: str
    via_edge: bool
    registered: bool = True
    alive: bool = True
    expires: float = 0.0

    @property
    def aor(self) -> str:
        return f"sip:{self.user}@example.test"

    @property
    def contact(self) -> str:
        transport = "tcp" if self.cookie is not None else "udp"
        return f"sip:{self.user}@10.0.0.7:{self.port};transport={transport}"

    @property
    def remote(self) -> Address:
        return Address(ip="10.0.0.7", port=self.port)


@dataclass
class Node:
    boot: int = 1
    seq: int = 0
    kernel_seq: int = 0
    listed: int = 0


@dataclass
class Cluster:
    """`speaks`: FreeSWITCH is set to tell of closed connections, without naming them."""

    chance: random.Random
    speaks: bool = False
    now: float = 1.0
    devices: list[Device] = field(default_factory=list)
    nodes: dict[str, Node] = field(default_factory=dict)
    said: list[Said] = field(default_factory=list)
    causes: dict[str, set[Cause]] = field(default_factory=dict)  # by AOR, what happened to a user
    cookies: int = 0

    def __post_init__(self) -> None:
        for name in (*REGISTRARS, EDGE):
            self.nodes[name] = Node()
            self._mark(name, NodeKind.UP)

    # -- what is true -----------------------------------------------------------------------------

    def reachable(self) -> dict[str, set[tuple[str, int]]]:
        """Of each reachable user, node to send to and the client's port."""
        found: dict[str, set[tuple[str, int]]] = {}
        for device in self.devices:
            if device.registered and device.alive:
                found.setdefault(device.aor, set()).add((device.node, device.port))
        return found

    # -- what clients do --------------------------------------------------------------------------

    def register(
        self, user: str, node: str, port: int, *, udp: bool, edge: bool, call_id: str
    ) -> Device:
        self.cookies += 1
        cookie = None if udp else self.cookies
        device = Device(user, node, port, cookie, call_id, edge)
        for other in self.devices:
            if (other.aor, other.node, other.contact) == (device.aor, node, device.contact):
                other.registered = False  # a registrar has one binding a contact
        self.devices.append(device)
        self._registration(device, RegistrationKind.REGISTERED)
        self._happened(device, Cause.REGISTERED)
        return device

    def refresh(self, device: Device) -> None:
        self._registration(device, RegistrationKind.REFRESHED)

    def unregister(self, device: Device) -> None:
        device.registered = False
        self._registration(device, RegistrationKind.UNREGISTERED)
        self._happened(device, Cause.UNREGISTERED)

    def close(self, device: Device) -> None:
        """Its connection ends: the client crashed, or left it."""
        device.alive = False
        self._kernel(device, ConnectionKind.CLOSED)
        self._happened(device, Cause.CONNECTION_CLOSED)
        if self.speaks and not device.via_edge and device.registered:
            event = self._of_registrar(device, RegistrationKind.CONNECTION_LOST, device.node)
            event.contact = event.binding = event.remote = event.transport = None
            event.cookie = None
            self._say(device.node, topics.REGISTRATIONS, device.aor, event)

    def expire(self, device: Device) -> None:
        """Nobody renews it until it is due."""
        self.advance(max(0.0, device.expires + 1 - self.now))

    def advance(self, seconds: float) -> None:
        """Time passes; registrars drop what nobody renewed."""
        self.now += seconds
        for one in self.devices:
            if one.registered and one.expires <= self.now:
                one.registered = False
                self._registration(one, RegistrationKind.EXPIRED)
                self._happened(one, Cause.EXPIRED)

    def restart(self, name: str) -> None:
        """Without goodbye: connections die unheard, bindings over UDP live on in the database."""
        node = self.nodes[name]
        self.now += 0.1  # what a process needs at least to start
        node.boot += 1
        node.seq = 0
        for device in self.devices:
            if (EDGE if device.via_edge else device.node) == name and device.cookie is not None:
                device.alive = False
                self._happened(device, Cause.NODE_RESTARTED)
            if device.node == name and (device.cookie is not None and not device.via_edge):
                device.registered = False
        self._mark(name, NodeKind.UP)
        self.take_stock(name)

    def take_stock(self, name: str) -> None:
        """A complete listing of a node; registrars list the dead, whom the kernel denies."""
        if name == EDGE:
            return  # a pure proxy has no table
        node = self.nodes[name]
        node.listed += 1
        snapshot = f"{name}-{node.boot}-{node.listed}"
        place = self._place(name)
        rows = [d for d in self.devices if d.node == name and d.registered]
        for number, device in enumerate(self._latest(rows)):
            row = self._of_registrar(device, RegistrationKind.SNAPSHOT_ROW, name)
            row.id, row.snapshot = f"{snapshot}/{number}", snapshot
            row.boot, row.seq, row.at = place
            there = self._connected(name, device.port)
            if not device.via_edge and device.cookie is not None:
                row.cookie = there.cookie if there else None
            self._say(name, topics.REGISTRATIONS, device.aor, row)
            self._happened(device, Cause.FOUND_IN_SNAPSHOT)
            if not device.via_edge and device.cookie is not None and there is None:
                gone = self._connection(device, ConnectionKind.CLOSED, f"{row.id}/gone")
                gone.cookie, gone.at = None, row.at
                self._say(name, topics.CONNECTIONS, gone.connection, gone)
        end = RegistrationEvent(
            id=f"{snapshot}/end",
            source=Source.FREESWITCH,
            node=name,
            boot=place[0],
            seq=place[1],
            at=place[2],
            kind=RegistrationKind.SNAPSHOT_ENDED,
            snapshot=snapshot,
        )
        self._say(name, topics.REGISTRATIONS, name, end)
        for device in self.devices:
            if device.node == name:
                self._happened(device, Cause.MISSING_FROM_SNAPSHOT)

    def _connected(self, server: str, port: int) -> Device | None:
        """Whose connection from a port to a server the kernel knows; never mind who registered."""
        for device in self.devices:
            ends_at = EDGE if device.via_edge else device.node
            if (
                device.alive
                and device.cookie is not None
                and (ends_at, device.port) == (server, port)
            ):
                return device
        return None

    # -- what sources say of it -------------------------------------------------------------------

    def _latest(self, devices: list[Device]) -> list[Device]:
        """One row a contact: the last that registered it."""
        return list({(d.aor, d.contact): d for d in devices}.values())

    def _registration(self, device: Device, kind: RegistrationKind) -> None:
        if kind in (RegistrationKind.REGISTERED, RegistrationKind.REFRESHED):
            device.expires = self.now + EXPIRES
        both = [(device.node, self._of_registrar(device, kind, device.node))]
        if device.via_edge and kind is not RegistrationKind.EXPIRED:
            both.append((EDGE, self._of_edge(device, kind)))
        self.chance.shuffle(both)  # which of the two is told first is chance
        for name, event in both:
            self._say(name, topics.REGISTRATIONS, device.aor, event)

    def _of_registrar(self, device: Device, kind: RegistrationKind, node: str) -> RegistrationEvent:
        event = self._event(device, kind, node)
        if device.via_edge:
            event.remote, event.received, event.cookie = PROXY, device.remote, None
            event.path = "<sip:edge1;lr>"
        return event

    def _of_edge(self, device: Device, kind: RegistrationKind) -> RegistrationEvent:
        event = self._event(device, kind, EDGE)
        event.source, event.registrar = Source.OPENSIPS, "edge"
        return event

    def _event(self, device: Device, kind: RegistrationKind, name: str) -> RegistrationEvent:
        boot, seq, at = self._place(name)
        due = START + timedelta(seconds=device.expires)
        return RegistrationEvent(
            id=f"{name}/{boot}/{seq}",
            source=Source.FREESWITCH,
            node=name,
            boot=boot,
            seq=seq,
            at=at,
            kind=kind,
            aor=device.aor,
            contact=device.contact,
            binding=device.contact,
            call_id=device.call_id,
            transport=Transport.TCP if device.cookie is not None else Transport.UDP,
            remote=device.remote,
            cookie=device.cookie,
            expires_at=None if kind is RegistrationKind.EXPIRED else due,
            expired_due=due if kind is RegistrationKind.EXPIRED else None,
        )

    def _kernel(self, device: Device, kind: ConnectionKind) -> None:
        name = EDGE if device.via_edge else device.node
        event = self._connection(device, kind, f"{name}/kernel/{device.cookie}/{kind}")
        self._say(f"{name}-kernel", topics.CONNECTIONS, event.connection, event)

    def _connection(self, device: Device, kind: ConnectionKind, id_: str) -> ConnectionEvent:
        name = EDGE if device.via_edge else device.node
        node = self.nodes[name]
        node.kernel_seq += 1
        return ConnectionEvent(
            id=id_,
            source=Source.SOCKETS,
            node=name,
            boot="kernel",
            seq=node.kernel_seq,
            at=START + timedelta(seconds=self.now),
            kind=kind,
            connection=connection_id(name, device.remote),
            transport=Transport.TCP,
            remote=device.remote,
            cookie=device.cookie,
        )

    def _mark(self, name: str, kind: NodeKind) -> None:
        boot, _, at = self._place(name)
        event = NodeEvent(
            id=f"{name}/{boot}/{kind}/{self.now}",
            source=Source.FREESWITCH,
            node=name,
            boot=boot,
            seq=0,
            at=at,
            kind=kind,
        )
        self._say(name, topics.NODES, name, event)

    def _place(self, name: str) -> tuple[str, int, datetime]:
        node = self.nodes[name]
        node.seq += 1
        return f"boot-{node.boot}", node.seq, START + timedelta(seconds=self.now)

    def _say(self, source: str, topic: Topic, key: str, event: Any) -> None:
        self.said.append(Said(self.now, source, topic, key, event))

    def _happened(self, device: Device, cause: Cause) -> None:
        self.causes.setdefault(device.aor, set()).add(cause)
