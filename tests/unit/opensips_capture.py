"""Captures of a real OpenSIPS, read the way the producer reads its sockets."""

import base64
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from producers.opensips.context import Context
from producers.opensips.intake import Intake
from producers.opensips.kernel import KernelWitness
from producers.opensips.naming import Naming
from producers.opensips.server import Server
from producers.receive_times import Received, Ticks
from producers.sip_proxy.inbox import Inbox, Piece, places
from producers.sip_proxy.users import Users
from producers.translated import Translated
from schemas.topic import Topic
from tests.unit.pipeline import Pipeline

CAPTURES = Path(__file__).parents[1] / "captures" / "opensips"
EDGES = Path(__file__).parents[1] / "captures" / "edge"


class Collector:
    """In place of the publisher: keeps the records in order, and feeds the streams."""

    def __init__(self, pipeline: Pipeline | None = None) -> None:
        self.records: list[Translated] = []
        self.dead_letters: list[tuple[str, str | None]] = []
        self._pipeline = pipeline

    def publish(self, topic: Topic, key: str, event: Any, *, partition: int | None = None) -> None:
        del partition
        self.records.append(Translated(topic, key, event))
        if self._pipeline is not None:
            self._pipeline.feed(topic, [(key, event)])

    def publish_everywhere(self, topic: Topic, key: str, event: Any) -> None:
        self.publish(topic, key, event)

    def dead_letter(
        self, source: str, payload: bytes, reason: str, field: str | None = None
    ) -> None:
        del source, payload
        self.dead_letters.append((reason, field))


class Play:
    """One capture through the intake and the streams; times are the recorded ones."""

    def __init__(self, *, node: str = "os1", naming: Naming | None = None, **context: Any) -> None:
        self.pipeline = Pipeline()
        self.collector = Collector(self.pipeline)
        ticks = Ticks()
        self.context = Context(node, "run-1", Users(), **context)
        server = Server(self.context, ticks, has_mi=naming is not None, lease_silence=5)
        publisher: Any = self.collector
        inbox, kernel = Inbox(10, 10**6, ticks), KernelWitness("off", self.context)
        self.intake = Intake(
            publisher, server, self.context, inbox, ticks, 256 * 1024, kernel, naming=naming
        )
        self._peers: dict[int, Any] = {}
        self._next = 0

    def datagram(self, at: float, data: bytes, port: int = 50000) -> None:
        sender = ("127.0.0.1", port)
        self.intake.take(Piece(self._received(at, data), None, data, sender))

    def stream(self, at: float, connection: int, data: bytes) -> None:
        peer = self._peers.setdefault(connection, _Silent())
        self.intake.take(Piece(self._received(at, data), peer, data))

    def play(self, path: Path) -> "Play":
        for row in rows(path):
            data = base64.b64decode(row.get("b64") or "")
            if path.suffix == ".datagram":
                self.datagram(row["t"], data)
            elif row["kind"] == "data":
                self.stream(row["t"], row["conn"], data)
            elif row["kind"] == "eof":
                self.stream(row["t"], row["conn"], b"")
        return self

    def _received(self, at: float, data: bytes) -> Received:
        seq = max(self._next, int(at * 1_000_000))
        self._next = seq + places(data)
        return Received(datetime.fromtimestamp(at, UTC), seq)

    def events(self, topic: Topic) -> list[Any]:
        return [record.event for record in self.collector.records if record.topic is topic]


class _Silent:
    def acknowledge(self, data: bytes) -> None:
        del data


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
