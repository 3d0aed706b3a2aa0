"""From an inbox to Kafka, for every producer that reads one: take, publish, refuse, count."""

import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.sip_proxy.inbox import Inbox, Lost, Piece
from producers.translated import Translated

_TAKE_SECONDS = 0.2


class Named(Protocol):
    """A context that knows whose events these are."""

    node: str


S = TypeVar("S")
C = TypeVar("C", bound=Named)


@dataclass(slots=True)
class InboxIntake(ABC, Generic[S, C]):
    """`work` runs in its own thread. Whoever else publishes holds `lock`.

    `server` says what the node itself is up to, `context` what its events are understood by.
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
        """One piece, in the order of reading."""

    @property
    def node(self) -> str:
        return self.context.node

    def work(self) -> None:
        """Publish what comes, until told to stop and nothing is left."""
        try:
            while True:
                piece = self.inbox.take(_TAKE_SECONDS)
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

    def refuse(self, payload: bytes, reason: str, field_name: str | None = None) -> None:
        """Keep input that cannot be used."""
        self.dead_letters += 1
        self.publisher.dead_letter(f"{self.source}/{self.node}", payload, reason, field_name)

    def status(self) -> dict[str, Any]:
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
