"""From an inbox to Kafka, for every producer that reads one: translate, publish, refuse, count."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.sip_proxy.context import ProxyContext
from producers.sip_proxy.inbox import Inbox, Lost, Piece
from producers.translated import Translated

_POLL_SECONDS = 0.2

S = TypeVar("S")
C = TypeVar("C", bound=ProxyContext)


@dataclass(slots=True)
class InboxIntake(ABC, Generic[S, C]):
    """`work` runs in its own thread. Other threads that publish hold `lock`.

    `server` is the state of the server's process, `context` what its events are translated with.
    """

    source: ClassVar[str]
    publisher: Publisher
    server: S
    context: C
    inbox: Inbox
    ticks: Ticks
    lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    stopping: threading.Event = field(init=False, default_factory=threading.Event)
    events: int = field(init=False, default=0)
    translated: int = field(init=False, default=0)
    dead_letters: int = field(init=False, default=0)
    failure: BaseException | None = field(init=False, default=None)

    @abstractmethod
    def take(self, piece: Piece | Lost) -> None:
        """Publish what one piece holds; pieces come in the order of reading."""

    @property
    def node(self) -> str:
        return self.context.node

    def work(self) -> None:
        """Take pieces until `stopping` is set and none is left."""
        try:
            while True:
                piece = self.inbox.take(_POLL_SECONDS)
                if piece is None:
                    if self.stopping.is_set():
                        return
                    continue
                with self.lock:
                    self.take(piece)
                self.inbox.done(piece)
        except BaseException as error:
            self.failure = error
            raise

    def publish(self, records: list[Translated]) -> None:
        for topic, key, record in records:
            self.publisher.publish(topic, key, record)

    def publish_everywhere(self, record: Translated) -> None:
        """One copy to every partition of its topic."""
        self.publisher.publish_everywhere(record.topic, record.key, record.event)

    def refuse(self, payload: bytes, reason: str, field_name: str | None = None) -> None:
        """Publish a dead letter of input that cannot be used."""
        self.dead_letters += 1
        self.publisher.dead_letter(f"{self.source}/{self.node}", payload, reason, field_name)

    def status(self) -> dict[str, Any]:
        """Its part of /status."""
        return {
            "received": self.inbox.received,
            "received_bytes": self.inbox.received_bytes,
            "queued": self.inbox.queued,
            "overflowed": self.inbox.lost,
            "events": self.events,
            "translated": self.translated,
            "dead_letters": self.dead_letters,
        }

    def _labels(self) -> dict[str, str]:
        return {"source": self.source, "node": self.node}
