"""The stage `kamailio`: publishes one Kamailio's events, and snapshots of what it lists."""

import time
from collections.abc import Callable
from typing import Any

from producers.kamailio.connection import EvapiConnection
from producers.kamailio.intake import Intake
from producers.kamailio.kernel import KernelWitness
from producers.kamailio.lister import Lister, open_rpc
from producers.kamailio.server import Server
from producers.kamailio.settings import KamailioSettings
from producers.publisher import Publisher
from producers.receive_times import Ticks
from producers.running import run_producer
from producers.sip_proxy.inbox import Inbox
from producers.sip_proxy.producer import ProxyProducer
from producers.translated import Translated
from runtime.settings import load
from runtime.stage import Stage

NAME = "kamailio"
_POLL_SECONDS = 0.1
_USERS_A_ROUND = 20


class KamailioProducer(ProxyProducer):
    """Five threads: a reader, a worker, the lease, and two that ask for listings."""

    name = NAME
    intake: Intake

    def __init__(self, settings: KamailioSettings, publisher: Publisher, stage: Stage) -> None:
        super().__init__(settings, publisher, stage)
        ticks = Ticks()
        context = settings.context(f"run-{ticks.now().seq:x}")
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
        server.wants_listing = self.intake.users_wanted.everybody = self._listings.ask

    def _open(self) -> None:
        self.connection.start()

    def _close(self) -> None:
        self.connection.stop()

    def _listing_tasks(self) -> list[Callable[[], None]]:
        return [self._list_all, self._list_users] if self._lister is not None else []

    def _heartbeat(self) -> list[Translated]:
        self.connection.ask()
        return self.intake.server.heartbeat()

    def _publish_last(self) -> None:
        self.intake.publish(self.intake.server.unwatched(self.intake.ticks.now()))
        self.intake.kernel.close()

    def _failure(self) -> BaseException | None:
        return super()._failure() or self.connection.failure

    def _source_status(self) -> dict[str, Any]:
        return {
            "connected": self.intake.server.connected,
            "connections": self.connection.connections,
            "asks_kernel": self.intake.kernel.on,
        }

    def _list_all(self) -> None:
        """List all contacts after a gap or a restart, and at every interval."""
        assert self._lister is not None
        while not self._stage.stop.wait(_POLL_SECONDS):
            now = time.monotonic()
            if self.intake.server.connected and self._listings.is_due(now):
                self._listings.begin(now)
                self._listings.end(succeeded=self._lister.list_contacts())
                self._lister.list_calls()  # after the contacts, which name the users' domains

    def _list_users(self) -> None:
        """List at once each user whom an event left unclear."""
        assert self._lister is not None
        wanted = self.intake.users_wanted
        while not self._stage.stop.is_set():
            if not wanted.wanted.wait(_POLL_SECONDS):
                continue
            for user in wanted.take(_USERS_A_ROUND):
                if not self._lister.list_user(user):
                    self._listings.ask()


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    run_producer(NAME, load(KamailioSettings), KamailioProducer)
