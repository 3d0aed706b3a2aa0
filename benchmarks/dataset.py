"""The benchmark's input: registration events of many users, and their expected result."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.sip_uri import binding_identity, canonical_aor
from schemas.vocabulary import RegistrationKind, Source, Status, Transport

NODES = 8
EXPIRES = timedelta(hours=1)
# An online phone refreshes three times for each time it unregisters.
LEAVES = 0.25
# Shares of repeated old events, and of pairs in the wrong order.
REPEATED = 0.01
SWAPPED = 0.01
TRANSPORTS = (Transport.UDP, Transport.UDP, Transport.TCP, Transport.TLS, Transport.WSS)
AGENTS = ("Yealink SIP-T46U 108.86.0.45", "Z 5.6.4 v2.10.20.4", "JsSIP 3.10.1", "PolyEdge/8.2.1")


@dataclass(slots=True)
class _Phone:
    """One user's phone, as its registrar sees it."""

    aor: str
    node: int
    transport: Transport
    agent: str
    ip: str
    online: bool = False
    port: int = 5060
    contact: str = ""
    binding: str = ""
    call_id: str = ""
    cseq: int = 0
    # The last events, to repeat.
    sent: list[RegistrationEvent] = field(default_factory=list)


class DataSet:
    """`events` registration events of `users` users, in the order of the log; the same each time.

    Iterate, once, for (user number, event) pairs. The last event is of now; bindings expire an hour
    later.
    """

    def __init__(self, events: int, users: int, seed: int = 1, leaves: float = LEAVES) -> None:
        """`leaves`: the share of an online phone's events with which it unregisters."""
        self.events = events
        self._leaves = leaves
        self.users = users
        self._random = random.Random(seed)
        self._boots = [str(UUID(int=self._random.getrandbits(128))) for _ in range(NODES)]
        self._seq = [0] * NODES
        self._start = datetime.now(UTC) - timedelta(minutes=1)
        self._step = timedelta(minutes=1) / events
        self._now = self._start

    def __iter__(self) -> Iterator[tuple[int, RegistrationEvent]]:
        phones: dict[int, _Phone] = {}
        made = 0
        while made < self.events:
            number = self._random.randrange(self.users)
            phone = phones.get(number)
            if phone is None:
                phone = phones[number] = self._new_phone(number)
            for event in self._deliveries(phone)[: self.events - made]:
                yield number, event
                made += 1

    def _new_phone(self, number: int) -> _Phone:
        chance = self._random
        return _Phone(
            aor=canonical_aor(f"{1_000_000 + number}", f"tenant{number % 50}.example.net"),
            node=number % NODES,
            transport=chance.choice(TRANSPORTS),
            agent=chance.choice(AGENTS),
            ip=f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}",
        )

    def _deliveries(self, phone: _Phone) -> list[RegistrationEvent]:
        """The next event of a phone; sometimes a repeated one, or two in the wrong order."""
        draw = self._random.random()
        if draw < REPEATED and phone.sent:
            return [self._random.choice(phone.sent)]
        if draw < REPEATED + SWAPPED and phone.online:
            refreshed = self._event(phone, RegistrationKind.REFRESHED)
            return [self._event(phone, RegistrationKind.UNREGISTERED), refreshed]
        if not phone.online:
            return [self._event(phone, RegistrationKind.REGISTERED)]
        leaves = self._random.random() < self._leaves
        kind = RegistrationKind.UNREGISTERED if leaves else RegistrationKind.REFRESHED
        return [self._event(phone, kind)]

    def _event(self, phone: _Phone, kind: RegistrationKind) -> RegistrationEvent:
        if kind is RegistrationKind.REGISTERED:
            self._connect(phone)
        phone.online = kind is not RegistrationKind.UNREGISTERED
        phone.cseq += 1
        self._seq[phone.node] += 1
        self._now += self._step
        seq, boot = self._seq[phone.node], self._boots[phone.node]
        event = RegistrationEvent(
            id=f"{boot}:{seq}",
            source=Source.FREESWITCH,
            node=f"fs{phone.node + 1}.example.net",
            boot=boot,
            seq=seq,
            at=self._now,
            kind=kind,
            aor=phone.aor,
            contact=phone.contact,
            binding=phone.binding,
            call_id=phone.call_id,
            cseq=phone.cseq,
            expires_at=self._now + EXPIRES if phone.online else None,
            transport=phone.transport,
            remote=Address(ip=phone.ip, port=phone.port),
            registrar="internal",
            user_agent=phone.agent,
        )
        phone.sent = [*phone.sent[-2:], event]
        return event

    def _connect(self, phone: _Phone) -> None:
        """A new registration has a new Call-ID, and over a connection a new port."""
        if phone.transport.is_connection:
            phone.port = self._random.randrange(32768, 61000)
        user = phone.aor.removeprefix("sip:").partition("@")[0]
        phone.contact = f"sip:{user}@{phone.ip}:{phone.port};transport={phone.transport}"
        phone.binding = binding_identity(phone.contact)
        phone.call_id = f"{self._random.getrandbits(64):016x}@{phone.ip}"


@dataclass(slots=True)
class Expected:
    """The right result of every peer, computed event by event in the order of the log.

    `status`: the last status of each user, where older events never override newer ones.
    `changes`: how often a status changed: the number of presence records. `last`: the id of each
    user's last event in the log: the result of a peer without state.
    """

    status: dict[str, Status] = field(default_factory=dict)
    last: dict[str, str] = field(default_factory=dict)
    changes: int = 0
    events: int = 0
    _newest: dict[str, int] = field(default_factory=dict)

    def add(self, event: RegistrationEvent) -> None:
        aor = event.aor or ""
        self.events += 1
        self.last[aor] = event.id
        if event.seq <= self._newest.get(aor, 0):
            return
        self._newest[aor] = event.seq
        left = event.kind is RegistrationKind.UNREGISTERED
        status = Status.OFFLINE if left else Status.ONLINE
        if status is not self.status.get(aor, Status.OFFLINE):
            self.changes += 1
        self.status[aor] = status
