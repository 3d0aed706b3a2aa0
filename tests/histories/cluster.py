"""A small, slow, obviously right SIP cluster: what its clients do, and what its sources report.

It knows nothing of Rollcall's state. Each act changes the facts and appends what the real sources
would report of it (`reports`), with the imperfections they have.
"""

import random
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from schemas import topics
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topic import Topic
from schemas.vocabulary import Cause, ConnectionKind, NodeKind, RegistrationKind, Source
from tests.histories.facts import EDGE, REGISTRARS, Device, Facts, Uncertainty
from tests.histories.reports import START, Report, Reporter

EXPIRES = 3600.0
BEAT = 100.0  # seconds between two heartbeats of a node, that a history be short
# Seconds within which the streams drop a binding whose expiry nobody reports: they read the time
# off the heartbeats.
OVERDUE = 36.0 + BEAT
PROXY = Address(ip="10.9.9.9", port=40000)


@dataclass
class Cluster(Facts):
    """`reports_closes`: FreeSWITCH is set to report closed connections, without naming them.

    `shares`: the registrars share a database, and each reports what expires in it.
    """

    chance: random.Random = field(default_factory=random.Random)
    reports_closes: bool = False
    shares: bool = False
    nodes: dict[str, Reporter] = field(default_factory=dict)
    reports: list[Report] = field(default_factory=list)
    # Sources whose reports do not arrive now: whether they are lost, else held.
    cut_off: dict[str, bool] = field(default_factory=dict)
    cookies: int = 0
    beaten: float = 1.0

    def __post_init__(self) -> None:
        for name in (*REGISTRARS, EDGE):
            self.nodes.setdefault(name, Reporter(name))
            self.mark(name, NodeKind.UP)

    # -- what clients do --------------------------------------------------------------------------

    def register(
        self,
        user: str,
        node: str,
        port: int,
        *,
        udp: bool,
        edge: bool,
        call_id: str,
        name: str | None = None,
    ) -> Device:
        self.cookies += 1
        cookie = None if udp else self.cookies
        device = Device(user, node, port, cookie, call_id, edge, name)
        for other in self.devices:
            if (other.aor, other.node, other.contact) == (device.aor, node, device.contact):
                other.registered = False  # a registrar has one binding a contact
        self.devices.append(device)
        self._registration(device, RegistrationKind.REGISTERED)
        self.cause(device.aor, Cause.REGISTERED)
        self.note()
        return device

    def refresh(self, device: Device) -> None:
        self._registration(device, RegistrationKind.REFRESHED)
        self.cause(device.aor, Cause.REGISTERED)

    def unregister(self, device: Device) -> None:
        device.registered = False
        self._registration(device, RegistrationKind.UNREGISTERED)
        self.cause(device.aor, Cause.UNREGISTERED)
        self.note()

    def close(self, device: Device) -> None:
        """Its connection ends: the client crashed, or left it."""
        device.alive = False
        server = self.nodes[device.server]
        event = server.connection(self.now, ConnectionKind.CLOSED, device.remote, device.cookie)
        self.report(f"{device.server}-kernel", topics.CONNECTIONS, event.connection, event)
        self.cause(device.aor, Cause.CONNECTION_CLOSED)
        if self.reports_closes and not device.via_edge and device.registered:
            lost = self.nodes[device.node].registration(
                self.now,
                RegistrationKind.CONNECTION_LOST,
                aor=device.aor,
                call_id=device.call_id,
            )
            self.report(device.node, topics.REGISTRATIONS, device.aor, lost)
        self.note()

    def expire(self, device: Device) -> None:
        """Nobody renews it until it is due."""
        self.advance(max(0.0, device.expires + 1 - self.now))

    def advance(self, seconds: float) -> None:
        """Time passes: nodes send heartbeats, registrars drop what nobody renewed."""
        until = self.now + seconds
        while self.now < until:
            dues = [d.expires + 1 for d in self.devices if d.registered]
            # What fell due while a server started, which takes its time, is done now.
            self.now = max(self.now, min([until, self.beaten + BEAT, *dues]))
            for one in self.devices:
                if one.registered and one.expires < self.now:
                    self._expired(one)
            if self.now >= self.beaten + BEAT:
                self.beat()
            self.note()

    def beat(self) -> None:
        self.beaten = self.now
        for name in self.nodes:
            if name not in self.down:
                self.mark(name, NodeKind.HEARTBEAT)

    # -- what sources report ----------------------------------------------------------------------

    def report(self, source: str, topic: Topic, key: str, event: Any) -> None:
        report = Report(self.now, source, topic, key, event)
        if source in self.cut_off:
            report.lost = self.cut_off[source]
            report.held = float("inf")
        self.reports.append(report)

    def mark(self, name: str, kind: NodeKind) -> None:
        """A producer's own event: held when it is cut off, never lost on the way to it."""
        report = self.nodes[name].mark(self.now, kind)
        report.held = float("inf") if self.cut_off.get(name) is False else None
        self.reports.append(report)

    def of_registrar(
        self, device: Device, kind: RegistrationKind, node: str, **more: Any
    ) -> RegistrationEvent:
        """What the registrar reports of a device."""
        event = self._event(device, kind, node, **more)
        if device.via_edge:
            event.remote, event.received, event.cookie = PROXY, device.remote, None
            event.path = f"<sip:{EDGE};lr;received=sip:10.0.0.7:{device.port}%3Btransport%3Dtcp>"
        return event

    def _expired(self, device: Device) -> None:
        device.registered = False
        self.cause(device.aor, Cause.EXPIRED)
        if device.node in self.down:
            return  # its row is dropped without an event when the registrar is back
        if device.via_edge and self.cut_off.get(device.node):
            # Only its edge is left, which never reports an expiry.
            self.uncertain.append(Uncertainty(device.node, self.now, self.now + OVERDUE))
        reporters = REGISTRARS if self.shares else (device.node,)
        for name in reporters:
            if name in self.down:
                continue
            event = self.of_registrar(device, RegistrationKind.EXPIRED, name)
            self.report(name, topics.REGISTRATIONS, device.aor, event)

    def _registration(self, device: Device, kind: RegistrationKind) -> None:
        if kind is not RegistrationKind.UNREGISTERED:
            device.expires = self.now + EXPIRES
        both = [(device.node, self.of_registrar(device, kind, device.node))]
        if device.via_edge:
            event = self._event(device, kind, EDGE)
            event.source, event.registrar = Source.OPENSIPS, "edge"
            both.append((EDGE, event))
        self.chance.shuffle(both)  # which of the two is reported first is chance
        for name, event in both:
            self.report(name, topics.REGISTRATIONS, device.aor, event)

    def _event(
        self, device: Device, kind: RegistrationKind, name: str, **more: Any
    ) -> RegistrationEvent:
        speaker = self.nodes[name]
        due = START + timedelta(seconds=device.expires + speaker.skew)
        is_expiry = kind is RegistrationKind.EXPIRED
        return speaker.registration(
            self.now,
            kind,
            aor=device.aor,
            contact=device.contact,
            binding=device.contact,
            call_id=device.call_id,
            transport=device.transport,
            remote=device.remote,
            cookie=device.cookie,
            expires_at=None if is_expiry else due,
            expired_due=due if is_expiry else None,
            **more,
        )
