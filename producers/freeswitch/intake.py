"""From frames to Kafka: parse, drop repeats, translate, publish; bad input to dead letters."""

import time
from dataclasses import dataclass, field
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Queue

from producers.freeswitch import event as events
from producers.freeswitch import translation, verto
from producers.freeswitch.context import Context
from producers.freeswitch.duplicates import Duplicates
from producers.freeswitch.event import SwitchEvent
from producers.freeswitch.framing import Frame, Skipped
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.switch import Switch
from producers.freeswitch.table_tracker import TableTracker
from producers.private_input import dead_letter_input
from producers.publisher import Publisher
from producers.translated import Translated
from runtime import metrics
from schemas.codec import InvalidRecord
from schemas.registration import RegistrationEvent
from schemas.vocabulary import NodeKind

# Frames between two turns of the other greenlets (heartbeats, answers to commands).
_TURN = 100


@dataclass(slots=True)
class Intake:
    """`put` what is read, which waits while the queue is full; `work` runs in its own greenlet."""

    publisher: Publisher
    switch: Switch
    context: Context
    label: str  # of dead letters and metrics until the node's name is known
    queue: Queue
    kernel: KernelLookup
    duplicates: Duplicates = field(default_factory=Duplicates)
    table: TableTracker = field(init=False)
    # Set when a user, or the Verto clients, are to be looked up at the switch.
    recheck: Event = field(default_factory=Event)
    recheck_verto: bool = False
    received: int = 0
    taken: int = 0
    translated: int = 0
    ignored: int = 0
    dead_letters: int = 0
    repeats: int = 0

    def __post_init__(self) -> None:
        self.table = TableTracker(self.context)

    @property
    def node(self) -> str:
        return self.switch.name or self.label

    def put(self, frame: Frame | Skipped) -> None:
        """Accept one frame with an event; blocks the reader while the queue is full."""
        self.queue.put(frame)
        self.received += 1
        metrics.SOURCE_EVENTS.add(1, {"source": "freeswitch", "node": self.node})

    def work(self) -> None:
        """Publish what is in the queue, for ever."""
        while True:
            self._take(self.queue.get())
            self.taken += 1
            if self.taken % _TURN == 0:
                gevent.sleep(0)

    @property
    def queued(self) -> int:
        """Events read and not yet with the publisher."""
        return max(0, self.received - self.taken)

    def publish(self, records: list[Translated]) -> None:
        for topic, key, record in records:
            self.publisher.publish(topic, key, record)

    def refuse(self, payload: bytes, reason: str, field_name: str | None = None) -> None:
        """Keep input that cannot be used."""
        self.dead_letters += 1
        self.publisher.dead_letter(
            f"freeswitch/{self.node}", dead_letter_input(payload), reason, field_name
        )

    def status(self) -> dict[str, Any]:
        return {
            "received": self.received,
            "translated": self.translated,
            "ignored": self.ignored,
            "dead_letters": self.dead_letters,
            "duplicates": self.repeats,
            "queued": self.queued,
        }

    def _take(self, frame: Frame | Skipped) -> None:
        if isinstance(frame, Skipped):
            self.refuse(frame.start, f"{frame.reason}: {frame.size} bytes")
            return
        if frame.headers.get("Content-Type") != "text/event-json":
            self.refuse(frame.body, "not a text/event-json frame", "Content-Type")
            return
        try:
            self._take_event(events.parse(frame.body))
        except InvalidRecord as error:
            self.refuse(frame.body, error.reason, error.field)

    def _take_event(self, event: SwitchEvent) -> None:
        if not self.duplicates.is_new(event.boot, event.seq):
            self.repeats += 1
            metrics.SOURCE_DUPLICATES.add(1, {"source": "freeswitch", "node": self.node})
            return
        self.switch.observe(event)
        self.publish(self.switch.announce(event.at))
        records = self.kernel.add_cookies(translation.translate(event, self.context))
        self.publish([record for record in records if not self._is_held(event, record)])
        if event.name == "verto::login" and event.text("verto_success") == "1":
            self._recheck_login(event)
        if not records:
            self.ignored += 1
            return
        self.translated += 1
        if any(record.event.kind is NodeKind.DOWN for record in records):
            self.switch.down = True

    def _is_held(self, event: SwitchEvent, record: Translated) -> bool:
        """Whether a registration is held back until the table shows what its user has."""
        if not isinstance(record.event, RegistrationEvent) or verto.is_verto(record.event):
            return False
        held = self.table.take(event, record, time.monotonic())
        if self.table.uncertain:
            self.recheck.set()
        return held

    def _recheck_login(self, event: SwitchEvent) -> None:
        """List the Verto clients where a login's user is uncertain (VertoClients.is_certain)."""
        profile, login = event.text("verto_profile_name"), event.text("verto_login")
        if not self.context.verto.is_certain(profile or "", login or ""):
            self.recheck_verto = True
            self.recheck.set()
