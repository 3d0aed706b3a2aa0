"""Captures of an edge before a registrar: three sources by their producers' rules, one clock."""

import base64
from datetime import timedelta
from typing import Any

from local.replay.esl_recording import read_capture
from local.replay.netlink_recording import read_sockets, server_ports
from producers.freeswitch import event as switch_events
from producers.freeswitch import translation as freeswitch
from producers.freeswitch.context import Context
from producers.sockets import netlink
from producers.sockets.connection_events import ConnectionEvents
from schemas import topics
from schemas.vocabulary import ConnectionKind, Transport
from tests.unit.opensips_capture import EDGES, Play, rows

MARGIN = timedelta(seconds=60)


class EdgePlay:
    """One recording; `late` delays a source by so many seconds, as a slow producer would."""

    def __init__(self, name: str, late: dict[str, float] | None = None) -> None:
        self.play = Play(node="edge")
        self._switch = Context(None, MARGIN)
        late = late or {}
        pieces: list[tuple[float, int, str, Any]] = []
        for row in rows(EDGES / f"{name}.datagram"):
            pieces.append((row["t"] + late.get("opensips", 0.0), len(pieces), "opensips", row))
        for frame in read_capture(EDGES / f"{name}.fs.json"):
            at = frame.received / 1e6 + late.get("freeswitch", 0.0)
            pieces.append((at, len(pieces), "freeswitch", frame.body))
        sockets = EDGES / f"{name}.sockets.jsonl"
        recorded = read_sockets(sockets) if sockets.stat().st_size else []
        self._kernel = ConnectionEvents(
            "edge", "kernel-1", dict.fromkeys(server_ports(recorded), Transport.TCP)
        )
        for one in recorded:
            at = one.received / 1e6 + late.get("sockets", 0.0)
            pieces.append((at, len(pieces), "sockets", one.data))
        for at, _, source, piece in sorted(pieces, key=lambda p: p[:2]):
            getattr(self, f"_{source}")(at, piece)

    def _opensips(self, at: float, row: dict[str, Any]) -> None:
        self.play.datagram(at, base64.b64decode(row["b64"]))

    def _freeswitch(self, at: float, body: bytes) -> None:
        del at
        for record in freeswitch.translate(switch_events.parse(body), self._switch):
            self.play.pipeline.feed(record.topic, [(record.key, record.event)])

    def _sockets(self, at: float, data: bytes) -> None:
        for socket in netlink.sockets(data):
            if socket.local_port in self._kernel.transports:
                event = self._kernel.event(ConnectionKind.CLOSED, socket, None, at)
                self.play.pipeline.feed(topics.CONNECTIONS, [(event.connection, event)])

    def changes(self, user: str) -> list[str]:
        return self.play.pipeline.changes(user)
