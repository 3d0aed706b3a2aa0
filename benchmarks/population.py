"""Many users: the records with which registrars, nodes and kernels report them.

Everything about a user follows from the number, so a million users need no memory here.
"""

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from math import gcd
from typing import Any

import msgspec

from benchmarks.dataset import AGENTS, TRANSPORTS
from schemas.call import CallEvent
from schemas.cloudevents import Headers, event_headers
from schemas.codec import encode
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topics import CALLS, CONNECTIONS, REGISTRATIONS
from schemas.vocabulary import (
    CallKind,
    ConnectionKind,
    Direction,
    RegistrationKind,
    Source,
    Transport,
)

# Key, value and headers of a record, ready to be sent.
Prepared = tuple[str, bytes, Headers]

# The contract's fields without the checks at construction, which would take most of the time. Nulls
# are written, as producers do.
_Registration: Any = msgspec.defstruct(
    "_Registration",
    [(one.name, Any, None) for one in fields(RegistrationEvent)],
    kw_only=True,
    gc=False,
)
_Connection: Any = msgspec.defstruct(
    "_Connection",
    [(one.name, Any, None) for one in fields(ConnectionEvent)],
    kw_only=True,
    gc=False,
)
_Call: Any = msgspec.defstruct(
    "_Call", [(one.name, Any, None) for one in fields(CallEvent)], kw_only=True, gc=False
)
# Consecutive users are far apart in the worker's memory.
_STRIDE = 7_368_787


@dataclass(slots=True)
class Population:
    """`users` users of the group `group` on `nodes` nodes; `transports` are assigned in turn.

    A registration over a connection has the kernel's cookie, so that every fence is used.
    """

    users: int
    group: str = "population"
    nodes: int = 8
    boot: str = "boot-1"
    transports: tuple[Transport, ...] = TRANSPORTS
    expires: timedelta = timedelta(hours=3)
    # Prefix of the nodes' names: other nodes can report the same users.
    name: str = "fs"
    seq: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def aor(self, number: int) -> str:
        return f"sip:{1_000_000 + number}@tenant{number % 50}.{self.group}"

    def node(self, number: int) -> str:
        return f"{self.name}{number % self.nodes + 1}.{self.group}"

    @property
    def node_names(self) -> list[str]:
        return [self.node(number) for number in range(self.nodes)]

    def transport(self, number: int) -> Transport:
        return self.transports[number % len(self.transports)]

    def remote(self, number: int) -> Address:
        ip = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        is_connection = self.transport(number).is_connection
        return Address(ip=ip, port=32_768 + number % 28_000 if is_connection else 5060)

    def registration(
        self, number: int, kind: RegistrationKind, mark: str = "", **more: Any
    ) -> Prepared:
        """A user's next registration event, now. `mark` ends its id; `more` are further fields."""
        seq, at, node = next(self.seq), datetime.now(UTC), self.node(number)
        remote, transport = self.remote(number), self.transport(number)
        contact = f"sip:{1_000_000 + number}@{remote.ip}:{remote.port};transport={transport}"
        leaves = kind is RegistrationKind.UNREGISTERED
        fields_of = {
            "id": f"{node}:{self.boot}:{seq}{mark}",
            "source": Source.FREESWITCH,
            "node": node,
            "boot": self.boot,
            "seq": seq,
            "at": at,
            "kind": kind,
            "aor": self.aor(number),
            "contact": contact,
            "binding": contact,
            "call_id": f"{number:016x}@{remote.ip}",
            "cseq": seq,
            "replaces_call_id": False,
            "connection_gone": False,
            "parts": 1,
            "part": 0,
            "transport_claimed": False,
            "expires_at": None if leaves else at + self.expires,
            "transport": transport,
            "remote": remote,
            "cookie": number + 1 if transport.is_connection else None,
            "registrar": "internal",
            "user_agent": AGENTS[number % len(AGENTS)],
        }
        event = _Registration(**(fields_of | more))
        return event.aor, encode(event), event_headers(REGISTRATIONS, event, event.aor)

    def close(self, number: int, mark: str = "") -> Prepared:
        """The kernel's event that the user's connection has ended."""
        seq, node, remote = next(self.seq), self.node(number), self.remote(number)
        key = connection_id(node, remote)
        event = _Connection(
            id=f"{node}:sockets:{seq}{mark}",
            source=Source.SOCKETS,
            node=node,
            boot="kernel-1",
            seq=seq,
            at=datetime.now(UTC),
            kind=ConnectionKind.CLOSED,
            connection=key,
            transport=Transport.TCP,
            remote=remote,
            cookie=number + 1,
        )
        return key, encode(event), event_headers(CONNECTIONS, event, key)

    def call(self, number: int, kind: CallKind) -> Prepared:
        """An event of the user's one call, from the registrar."""
        seq, node = next(self.seq), self.node(number)
        event = _Call(
            id=f"{node}:{self.boot}:{seq}",
            source=Source.FREESWITCH,
            node=node,
            boot=self.boot,
            seq=seq,
            at=datetime.now(UTC),
            kind=kind,
            aor=self.aor(number),
            leg=f"leg-{number}",
            call=f"leg-{number}",
            sip_call_id=f"call-{number:016x}",
            direction=Direction.INCOMING,
            peer=f"sip:{number}@elsewhere.{self.group}",
        )
        return event.aor, encode(event), event_headers(CALLS, event, event.aor)

    def registrations(self, numbers: Iterable[int]) -> Iterator[Prepared]:
        """The first registration of each."""
        return (self.registration(n, RegistrationKind.REGISTERED) for n in numbers)

    def refreshes(self, count: int, after: int = 0) -> Iterator[Prepared]:
        """So many refreshes, with strides through the users; each user has one in a round.

        `after`: number of the refresh to begin with, to continue earlier ones.
        """
        stride = next(s for s in itertools.count(_STRIDE) if gcd(s, self.users) == 1)
        return (
            self.registration(turn * stride % self.users, RegistrationKind.REFRESHED)
            for turn in range(after, after + count)
        )
