"""The stage `opensips`: takes one server's events for ever and publishes what they say."""

import threading
import time
from typing import Any

from producers.lease import keep_lease
from producers.listing_times import ListingTimes
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
from producers.running import Threads, run_producer
from producers.sip_proxy.inbox import Inbox
from producers.sip_proxy.mi import Mi
from runtime import logs, metrics
from runtime.settings import load
from runtime.stage import Stage

log = logs.get(__name__)

NAME = "opensips"
_LOOK_SECONDS = 0.1
# Which process it is, is asked for more often than the heartbeat goes, seconds:
# while MI answers, and while it does not.
_ASK_SECONDS, _ASK_AGAIN_SECONDS = 1.0, 0.25
# Nor is it asked for at shorter intervals, seconds.
_PAUSE_SECONDS = 0.02
# How long events wait for MI's name of their process, seconds: as long as a node's lease.
NAME_SECONDS = 5.0


class OpenSipsProducer:
    """Four threads: one reads, one publishes, one beats, one talks to MI."""

    def __init__(self, settings: OpenSipsSettings, publisher: Publisher, stage: Stage) -> None:
        """Raises BadSettings when an address cannot be listened on."""
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        ticks = Ticks()
        context = settings.context(f"run-{ticks.now().seq:x}")
        mi = open_mi(settings)
        context.asks = mi is not None
        server = Server(
            context,
            ticks,
            has_mi=mi is not None,
            lease_silence=settings.lease_silence_seconds,
        )
        inbox = Inbox(settings.queue_max_messages, settings.queue_max_bytes, ticks)
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
            naming=Naming(NAME_SECONDS, settings.queue_max_messages, settings.queue_max_bytes)
            if mi is not None
            else None,
        )
        self.listener = Listener(settings, inbox)
        self._lister = Lister(mi, self.intake) if mi else None
        self._listings = ListingTimes(settings.snapshot_interval_seconds)
        self._wants_identity = threading.Event()
        server.wants_listing = self._listings.ask
        server.wants_identity = self._wants_identity.set
        self.intake.listings.everybody = self._listings.ask
        self._threads = Threads(NAME)

    def run(self) -> None:
        """Work until the stage is told to stop, then publish all that was read."""
        self.listener.start()
        if self._lister is not None:
            self._lister.identify()  # before the first event is taken: they carry its name
        with self.intake.lock:
            self.intake.publish(self.intake.server.begin())
        worker = threading.Thread(target=self.intake.work, name="opensips-worker", daemon=True)
        tasks = [worker, self._threads.spawn(self._keep_lease)]
        if self._lister is not None:
            tasks.append(self._threads.spawn(self._ask))
        worker.start()
        metrics.SOURCE_CONNECTED.set(1, {"source": NAME, "node": self.intake.node})
        self._stage.ready.set()
        try:
            while not self._stage.stop.wait(_LOOK_SECONDS):
                if failure := self._threads.failure or self.intake.failure:
                    raise failure
        finally:
            self._stage.stop.set()
            self._stage.ready.clear()
            self.listener.stop()
            self.intake.stopping.set()
            for task in tasks:
                task.join()
            with self.intake.lock:
                self.intake.take_overdue(all_of_it=True)
                self.intake.publish(self.intake.server.unwatched())
            metrics.SOURCE_CONNECTED.set(0, {"source": NAME, "node": self.intake.node})

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when the publisher has all that was received."""
        return {
            "node": self.intake.node,
            "boot": self.intake.context.boot,
            "datagram_port": self.listener.datagram_port,
            "stream_port": self.listener.stream_port,
            "connections": self.listener.connections,
            "asks_kernel": self.intake.kernel.on,
            "mi_answers": self._lister.answers if self._lister else None,
            **self.intake.status(),
            **self._publisher.status(),
        }

    def _keep_lease(self) -> None:
        wait, seconds = self._stage.stop.wait, self._settings.heartbeat_seconds
        keep_lease(self._beat, self._listings.ask, wait, seconds)

    def _beat(self) -> bool:
        with self.intake.lock:
            beats = self.intake.server.heartbeat()
            self.intake.publish(beats)
        return bool(beats)

    def _ask(self) -> None:
        """MI: which process, who is in which dialog, and all contacts every few minutes."""
        assert self._lister is not None
        asked = 0.0
        while not self._stage.stop.is_set():
            if self._wants_identity.wait(_LOOK_SECONDS):
                self._stage.stop.wait(max(0.0, asked + _PAUSE_SECONDS - time.monotonic()))
            now = time.monotonic()
            pause = _ASK_SECONDS if self._lister.answers else _ASK_AGAIN_SECONDS
            waits = self._wants_identity.is_set() or self.intake.waits
            if waits or now - asked > pause:
                self._wants_identity.clear()
                asked = now
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
                if self._settings.mi_dialect == "3.x":
                    self._lister.list_calls()  # after the contacts, which name the users' domains


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(OpenSipsSettings), OpenSipsProducer)


__all__ = ["Mi", "OpenSipsProducer", "run"]
