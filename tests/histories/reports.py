"""What the sources of one SIP node report: by its clock, its sequences, in its records."""

import math
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from schemas import topics
from schemas.call import CallEvent
from schemas.connection import ConnectionEvent, connection_id
from schemas.node import NodeEvent
from schemas.origin import Address
from schemas.registration import RegistrationEvent
from schemas.topic import Topic
from schemas.vocabulary import (
    CallKind,
    ConnectionKind,
    NodeKind,
    RegistrationKind,
    Source,
    Transport,
)

START = datetime(2026, 1, 1, tzinfo=UTC)
TICK = 0.02  # FreeSWITCH's event time stands still for so long, in seconds


@dataclass(eq=False)
class Report:
    """One record a source publishes: when, by the one true clock, in seconds.

    `held`: it reached its producer's spool only, and leaves it then. None of it arrives if `lost`.
    """

    at: float
    source: str  # what is ordered within itself: a node's registrar, a node's kernel
    topic: Topic
    key: str
    event: Any
    held: float | None = None
    lost: bool = False


@dataclass
class Reporter:
    """One node. `skew`: how far its clock is ahead of the true one, in seconds.

    `ticks`: its registrar's clock goes in steps; its kernel's does not.
    """

    name: str
    skew: float = 0.0
    ticks: bool = False
    boot: int = 1
    seq: int = 0
    kernel_seq: int = 0
    listed: int = 0

    def time(self, now: float) -> datetime:
        """The kernel's time."""
        return START + timedelta(seconds=now + self.skew)

    def place(self, now: float) -> tuple[str, int, datetime]:
        """The next place in the registrar's history."""
        self.seq += 1
        at = now + self.skew
        if self.ticks:
            at = math.floor(at / TICK) * TICK
        return f"boot-{self.boot}", self.seq, START + timedelta(seconds=at)

    def listing_place(self, now: float, chance: random.Random) -> tuple[str, int, datetime]:
        """Where a listing stands. FreeSWITCH's stand at the last event its producer has read, or
        at no known place, if it has read none (streams.folds.ordering.UNKNOWN_SEQ)."""
        boot, seq, at = self.place(now)
        if not self.ticks:
            return boot, seq, at
        self.seq -= 1
        return boot, 0 if chance.random() < 0.3 else self.seq, at

    def registration(self, now: float, kind: RegistrationKind, **fields: Any) -> RegistrationEvent:
        return RegistrationEvent(kind=kind, **self._origin(now), **fields)

    def call(self, now: float, kind: CallKind, **fields: Any) -> CallEvent:
        return CallEvent(kind=kind, **self._origin(now), **fields)

    def _origin(self, now: float) -> dict[str, Any]:
        """The fields of every event of the registrar, at the next place in its history."""
        boot, seq, at = self.place(now)
        return {
            "id": f"{self.name}/{boot}/{seq}",
            "source": Source.FREESWITCH,
            "node": self.name,
            "boot": boot,
            "seq": seq,
            "at": at,
        }

    def connection(
        self, now: float, kind: ConnectionKind, remote: Address, cookie: int | None
    ) -> ConnectionEvent:
        self.kernel_seq += 1
        return ConnectionEvent(
            id=f"{self.name}/kernel/{self.kernel_seq}",
            source=Source.SOCKETS,
            node=self.name,
            boot="kernel",
            seq=self.kernel_seq,
            at=self.time(now),
            kind=kind,
            connection=connection_id(self.name, remote),
            transport=Transport.TCP,
            remote=remote,
            cookie=cookie,
        )

    def mark(self, now: float, kind: NodeKind) -> Report:
        boot, _, at = self.place(now)
        event = NodeEvent(
            id=f"{self.name}/{boot}/{kind}/{self.seq}",
            source=Source.FREESWITCH,
            node=self.name,
            boot=boot,
            seq=0,
            at=at,
            kind=kind,
        )
        return Report(now, self.name, topics.NODES, self.name, event)
