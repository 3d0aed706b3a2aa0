"""The stage `kamailio`: takes one server's events for ever and publishes what they say."""

import threading
import time
from typing import Any

from producers.kamailio.connection import EvapiConnection
from producers.kamailio.intake import Intake
from producers.kamailio.kernel import KernelWitness
from producers.kamailio.lister import Lister, open_rpc
from producers.kamailio.server import Server
from producers.kamailio.settings import KamailioSettings
from producers.lease import keep_lease
from producers.listing_times import ListingTimes
from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.running import Threads, run_producer
from producers.sip_proxy.inbox import Inbox
from runtime.settings import load
from runtime.stage import Stage

NAME = "kamailio"
_LOOK_SECONDS = 0.1
_USERS_A_ROUND = 20


class KamailioProducer:
    """Five threads: one reads, one publishes, one beats, two ask for listings."""

    def __init__(self, settings: KamailioSettings, publisher: Publisher, stage: Stage) -> None:
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        ticks = Ticks()
        run = f"run-{ticks.now().seq:x}"
        context = settings.context(run)
        server = Server(context, ticks, settings.lease_silence_seconds)
        inbox = Inbox(settings.queue_max_messages, settings.queue_max_bytes, ticks)
        self.intake = Intake(
            publisher,
            server,
            context,
            inbox,
            ticks,
            KernelWitness(settings),
            settings.message_max_bytes,
        )
        self.connection = EvapiConnection(settings, inbox)
        self._lister: Lister | None = None
        if settings.rpc_url:
            self._lister = Lister(open_rpc(settings.rpc_url, settings), self.intake)
        self._listings = ListingTimes(settings.snapshot_interval_seconds)
        server.wants_listing = self.intake.users_wanted.everybody = self._listings.ask
        self._threads = Threads(NAME)

    def run(self) -> None:
        """Work until the stage is told to stop, then publish all that was read."""
        worker = threading.Thread(target=self.intake.work, name="kamailio-worker", daemon=True)
        worker.start()
        self.connection.start()
        tasks = [worker, self._threads.spawn(self._keep_lease)]
        if self._lister is not None:
            tasks.append(self._threads.spawn(self._ask))
            tasks.append(self._threads.spawn(self._ask_users))
        self._stage.ready.set()
        try:
            while not self._stage.stop.wait(_LOOK_SECONDS):
                if (
                    failure := self._threads.failure
                    or self.intake.failure
                    or self.connection.failure
                ):
                    raise failure
        finally:
            self._stage.stop.set()
            self._stage.ready.clear()
            self.connection.stop()
            self.intake.stopping.set()
            for task in tasks:
                task.join()
            with self.intake.lock:
                self.intake.publish(self.intake.server.unwatched(self.intake.ticks.now()))
                self.intake.witness.close()

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when the publisher has all that was received."""
        return {
            "node": self.intake.context.node,
            "boot": self.intake.context.boot,
            "connected": self.intake.server.connected,
            "connections": self.connection.connections,
            "asks_kernel": self.intake.witness.on,
            **self.intake.status(),
            **self._publisher.status(),
        }

    def _keep_lease(self) -> None:
        wait, seconds = self._stage.stop.wait, self._settings.heartbeat_seconds
        keep_lease(self._beat, self._listings.ask, wait, seconds)

    def _beat(self) -> bool:
        self.connection.ask()
        with self.intake.lock:
            beats = self.intake.server.heartbeat()
            self.intake.publish(beats)
        return bool(beats)

    def _ask(self) -> None:
        """All contacts: after a gap or a restart, and every few minutes."""
        assert self._lister is not None
        while not self._stage.stop.wait(_LOOK_SECONDS):
            now = time.monotonic()
            if self.intake.server.connected and self._listings.is_due(now):
                self._listings.begin(now)
                self._listings.end(succeeded=self._lister.list_contacts())
                self._lister.list_calls()  # after the contacts, which name the users' domains

    def _ask_users(self) -> None:
        """Users whom an event left unclear, at once."""
        assert self._lister is not None
        wanted = self.intake.users_wanted
        while not self._stage.stop.is_set():
            if not wanted.wanted.wait(_LOOK_SECONDS):
                continue
            for user in wanted.take(_USERS_A_ROUND):
                if not self._lister.list_user(user):
                    self._listings.ask()


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(KamailioSettings), KamailioProducer)
