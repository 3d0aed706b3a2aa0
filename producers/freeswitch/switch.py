"""What is known of the switch at the other end: name, process, position, clock."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from producers.freeswitch.client import EventSocket
from producers.freeswitch.errors import CommandRefused
from producers.freeswitch.event import EPOCH, MICROSECONDS_MAX, SwitchEvent
from producers.freeswitch.node_clock import NodeClock
from producers.freeswitch.snapshot import Snapshot
from producers.node_marks import node_mark
from producers.translated import Translated
from schemas.vocabulary import NodeKind, Source


@dataclass(slots=True)
class Switch:
    """Kept across reconnects. `seq` is the highest Event-Sequence of this boot."""

    node: str | None
    own_name: str | None = None
    boot: str | None = None
    version: str | None = None
    seq: int = 0
    # Between its SHUTDOWN and the next boot no heartbeat may be published.
    down: bool = False
    # Whether UP was published on this connection; the reason of a gap before it, if there is one.
    announced: bool = False
    gap: str | None = None
    clock: NodeClock = field(default_factory=NodeClock)

    @property
    def name(self) -> str | None:
        return self.node or self.own_name

    @property
    def lives(self) -> bool:
        return self.announced and not self.down

    def ask(self, socket: EventSocket) -> None:
        """Ask for name, process and version. A recording does not answer: its events show them.

        Raises ConnectionLost.
        """
        self.own_name = _answer(socket, "switchname") or self.own_name
        self.version = _answer(socket, "version short") or self.version
        if boot := _answer(socket, "global_getvar core_uuid"):
            self._enter(boot)
        now = _answer(socket, "strmicroepoch")
        if now is not None and now.isdecimal() and int(now) <= MICROSECONDS_MAX:
            self.clock.observe(EPOCH + timedelta(microseconds=int(now)))

    def observe(self, event: SwitchEvent) -> None:
        """Learn from an event. Raises InvalidRecord when it names no process or time."""
        boot, seq, at = event.boot, event.seq, event.at
        if self.node is None:
            self.own_name = event.switch_name
        self.version = event.text("FreeSWITCH-Version") or self.version
        self._enter(boot)
        self.seq = max(self.seq, seq)
        self.clock.observe(at)

    def announce(self, at: datetime | None = None) -> list[Translated]:
        """GAP if one is due, and UP: once a connection, as soon as name and process are known."""
        if self.announced or self.down or self.name is None or self.boot is None:
            return []
        self.announced = True
        at = at or self.clock.now()
        marks = [self.mark(NodeKind.UP, at, version=self.version)]
        if self.gap:
            marks.insert(0, self.mark(NodeKind.GAP, at, reason=self.gap))
        self.gap = None
        return marks

    def lost(self, reason: str) -> None:
        """The connection has ended: events until the next one are missing."""
        if self.announced:
            self.gap = reason
        self.announced = False

    def unwatched(self) -> list[Translated]:
        """The producer stops: the node's lease must not end because of that."""
        if not self.lives:
            return []
        at = self.clock.now()
        return [self.mark(NodeKind.UNWATCHED, at, reason="the producer was stopped")]

    def mark(
        self,
        kind: NodeKind,
        at: datetime,
        *,
        version: str | None = None,
        reason: str | None = None,
    ) -> Translated:
        assert self.name is not None
        assert self.boot is not None
        origin = {
            "id": f"{self.name}/{self.boot}/{kind.value}/{at.timestamp():.6f}",
            "source": Source.FREESWITCH,
            "node": self.name,
            "boot": self.boot,
            "seq": self.seq,
            "at": at,
        }
        return node_mark(kind, origin, version=version, reason=reason)

    def snapshot(self, what: str, *, aor: str | None = None) -> Snapshot:
        """A listing that begins now, after every event read so far."""
        assert self.name is not None
        assert self.boot is not None
        at = self.clock.now()
        snapshot_id = f"{self.name}/{self.boot}/{what}/{at.timestamp():.6f}"
        return Snapshot(snapshot_id, self.name, self.boot, self.seq, at, aor=aor)

    def _enter(self, boot: str) -> None:
        if boot == self.boot:
            return
        if self.boot is not None:
            self.gap = None  # a new process: nothing of the old one's is missing from it
        self.boot, self.seq, self.down, self.announced = boot, 0, False, False
        self.clock = NodeClock()


def _answer(socket: EventSocket, command: str) -> str | None:
    try:
        answer = socket.api(command).strip()
    except CommandRefused:
        return None
    return answer if 0 < len(answer) <= 64 and answer.isprintable() and " " not in answer else None
