"""Captures of a real Kamailio, and the kernel beside it, read the way the producers read them."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from producers.kamailio.context import Context
from producers.kamailio.intake import Intake
from producers.kamailio.kernel import KernelWitness
from producers.kamailio.server import Server
from producers.kamailio.settings import KamailioSettings
from producers.receive_times import Received, Ticks
from producers.sip_proxy.inbox import Inbox, Piece, places
from producers.sip_proxy.users import Users
from schemas import topics
from schemas.connection import ConnectionEvent, connection_id
from schemas.origin import Address
from schemas.topic import Topic
from schemas.vocabulary import ConnectionKind, Source, Transport
from tests.unit.opensips_capture import Collector
from tests.unit.pipeline import Pipeline

BEGUN = 1_795_500_000  # seconds since 1970: when the connection begins, before all its events
CAPTURES = Path(__file__).parents[1] / "captures" / "kamailio"


class Play:
    """Lines of evapi through the intake, ends of connections as the watcher reports them."""

    def __init__(self, domain: str | None = "sip.test") -> None:
        self.pipeline = Pipeline()
        self.collector = Collector(self.pipeline)
        ticks = Ticks(lambda: BEGUN * 10**9)
        self.context = Context("kam1", "run-1", Users(domain, section="kamailio"))
        self.server = Server(self.context, ticks, lease_silence=5)
        kernel = KernelWitness(KamailioSettings(node="kam1", kernel="off"))
        publisher: Any = self.collector
        self.intake = Intake(
            publisher, self.server, self.context, Inbox(10, 10**6, ticks), ticks, kernel, 4096
        )
        self._peer = _Silent()
        self._next = 0

    def line(self, data: bytes, at: float = 1_795_502_000.0) -> None:
        self.read(data + b"\n", at)

    def read(self, data: bytes, at: float = 1_795_502_000.0) -> None:
        """What one read of the connection gave; empty at its end."""
        seq = max(self._next, int(at * 1_000_000))
        self._next = seq + places(data)
        self.intake.take(Piece(Received(datetime.fromtimestamp(at, UTC), seq), self._peer, data))

    def event(self, name: str, **fields: Any) -> None:
        self.line(json.dumps({"ev": name, **fields}).encode())

    def play(self, name: str) -> "Play":
        for text in (CAPTURES / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(text)
            if row["kind"] == "evapi":
                self.line(row["raw"].encode(), row["t"])
            elif row["kind"] == "destroy" and row["side"] == "server":
                self._destroyed(row)
        return self

    def _destroyed(self, row: dict[str, Any]) -> None:
        ip, _, port = row["dst"].rpartition(":")
        remote = Address(ip=ip, port=int(port))
        key = connection_id("kam1", remote)
        event = ConnectionEvent(
            id=f"kam1/kernel/sock-{row['cookie']}/closed",
            source=Source.SOCKETS,
            node="kam1",
            boot="kernel",
            seq=int(row["t"] * 1_000_000),
            at=datetime.fromtimestamp(row["t"], UTC),
            kind=ConnectionKind.CLOSED,
            connection=key,
            transport=Transport.TCP,
            remote=remote,
            cookie=int(row["cookie"], 16),
        )
        self.pipeline.feed(topics.CONNECTIONS, [(key, event)])

    def events(self, topic: Topic) -> list[Any]:
        return [record.event for record in self.collector.records if record.topic is topic]


class _Silent:
    def acknowledge(self, data: bytes) -> None:
        del data
