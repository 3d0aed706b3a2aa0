"""The stage `opensips`: publishes one OpenSIPS' events, and snapshots of what MI lists."""

import threading
import time
from collections.abc import Callable
from typing import Any

from producers.opensips.intake import Intake
from producers.opensips.kernel import KernelWitness
from producers.opensips.listener import Listener
from producers.opensips.lister import Lister
from producers.opensips.mi import open_mi
from producers.opensips.naming import Naming
from producers.opensips.secret import SharedSecret
from producers.opensips.server import Server
from producers.opensips.settings import OpenSipsSettings
from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.running import run_producer
from producers.sip_proxy.inbox import Inbox
from producers.sip_proxy.producer import ProxyProducer
from producers.translated import Translated
from runtime import metrics
from runtime.settings import load
from runtime.stage import Stage

NAME = "opensips"
_POLL_SECONDS = 0.1
# Between two queries of the process's start, seconds: while MI answers, and while it does not. They
# are more frequent than heartbeats.
_IDENTIFY_SECONDS, _RETRY_SECONDS = 1.0, 0.25
# The shortest interval between them, seconds.
_PAUSE_SECONDS = 0.02
# How long events wait for the name of their process, seconds: as long as a node's lease.
NAME_SECONDS = 5.0


class OpenSipsProducer(ProxyProducer):
    """Four threads: a reader, a worker, the lease, and one that queries MI."""

    name = NAME
    intake: Intake

    def __init__(self, settings: OpenSipsSettings, publisher: Publisher, stage: Stage) -> None:
        """Raises BadSettings where an address cannot be bound."""
        super().__init__(settings, publisher, stage)
        ticks = Ticks()
        context = settings.context(f"run-{ticks.now().seq:x}")
        mi = open_mi(settings)
        context.asks = mi is not None
        silence = settings.lease_silence_seconds
        server = Server(context, ticks, has_mi=mi is not None, lease_silence=silence)
        max_pieces, max_bytes = settings.queue_max_messages, settings.queue_max_bytes
        inbox = Inbox(max_pieces, max_bytes, ticks)
        self.intake = Intake(
            publisher,
            server,
            context,
            inbox,
            ticks,
            settings.message_max_bytes,
            KernelWitness(settings.kernel, context),
            asks_parties=mi is not None,
            secret=SharedSecret(settings.secret),
            naming=Naming(NAME_SECONDS, max_pieces, max_bytes) if mi is not None else None,
        )
        self.listener = Listener(settings, inbox)
        self._lister = Lister(mi, self.intake) if mi else None
        self._lists_calls = settings.mi_dialect == "3.x"
        self._wants_identity = threading.Event()
        server.wants_listing = self._listings.ask
        server.wants_identity = self._wants_identity.set
        self.intake.listings.everybody = self._listings.ask

    def _open(self) -> None:
        self.listener.start()
        if self._lister is not None:
            self._lister.identify()  # before the first event is taken: they carry its name
        with self.intake.lock:
            self.intake.publish(self.intake.server.begin())
        metrics.SOURCE_CONNECTED.set(1, {"source": NAME, "node": self.intake.node})

    def _close(self) -> None:
        self.listener.stop()

    def _listing_tasks(self) -> list[Callable[[], None]]:
        return [self._query] if self._lister is not None else []

    def _heartbeat(self) -> list[Translated]:
        return self.intake.server.heartbeat()

    def _publish_last(self) -> None:
        self.intake.take_overdue(all_of_it=True)
        self.intake.publish(self.intake.server.unwatched())
        metrics.SOURCE_CONNECTED.set(0, {"source": NAME, "node": self.intake.node})

    def _source_status(self) -> dict[str, Any]:
        return {
            "datagram_port": self.listener.datagram_port,
            "stream_port": self.listener.stream_port,
            "connections": self.listener.connections,
            "asks_kernel": self.intake.kernel.on,
            "mi_answers": self._lister.answers if self._lister else None,
        }

    def _query(self) -> None:
        """Query MI: the process, the parties of dialogs, and all contacts at every interval."""
        assert self._lister is not None
        queried = 0.0
        while not self._stage.stop.is_set():
            if self._wants_identity.wait(_POLL_SECONDS):
                self._stage.stop.wait(max(0.0, queried + _PAUSE_SECONDS - time.monotonic()))
            now = time.monotonic()
            pause = _IDENTIFY_SECONDS if self._lister.answers else _RETRY_SECONDS
            waits = self._wants_identity.is_set() or self.intake.waits
            if waits or now - queried > pause:
                self._wants_identity.clear()
                queried = now
                self._lister.identify()
            with self.intake.lock:
                self.intake.take_overdue()
            if not self._lister.answers:
                continue
            self._lister.list_users()
            self._lister.name_parties()
            if self._listings.is_due(now):
                self._listings.begin(now)
                self._listings.end(succeeded=self._lister.list_contacts())
                if self._lists_calls:
                    self._lister.list_calls()  # after the contacts, which name the users' domains


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(OpenSipsSettings), OpenSipsProducer)
