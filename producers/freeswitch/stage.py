"""The stage `freeswitch`: reads one switch's event socket and publishes its events."""

import time
from typing import Any

import gevent
from gevent.event import Event
from gevent.queue import Queue

from producers.backoff import Backoff
from producers.freeswitch.connection import Connection
from producers.freeswitch.errors import EventSocketError, SwitchUnreachable
from producers.freeswitch.intake import Intake
from producers.freeswitch.kernel import KernelLookup
from producers.freeswitch.settings import DEFAULT_PASSWORD, FreeSwitchSettings
from producers.freeswitch.switch import Switch
from producers.private_input import log_use
from producers.publisher import Publisher
from producers.running import run_producer
from runtime import logs, metrics
from runtime.settings import load
from runtime.stage import Stage

log = logs.get(__name__)

NAME = "freeswitch"
_POLL_SECONDS = 0.1
# After a connection that lasted this long, the next failure begins a new backoff.
_SOUND_SECONDS = 10.0


class FreeSwitchProducer:
    """Keeps one connection up while `run` runs. All in one thread, as greenlets."""

    def __init__(self, settings: FreeSwitchSettings, publisher: Publisher, stage: Stage) -> None:
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        self._intake = Intake(
            publisher,
            Switch(settings.node),
            settings.context(),
            label=f"{settings.host}:{settings.port}",
            queue=Queue(settings.queue_max_events),
            kernel=KernelLookup(settings.kernel, settings.sip_ports),
        )
        self._connection: Connection | None = None
        self._stopping = Event()
        self._logged: str | None = None

    def run(self) -> None:
        """Work until the stage's `stop` is set, then publish all that was read."""
        warn_of_default_password(self._settings)
        log_use(NAME, self._settings.node, self._settings.dtmf_in_clear_for)
        worker, keeper = gevent.spawn(self._intake.work), gevent.spawn(self._keep_connected)
        while not self._stage.stop.is_set():
            gevent.sleep(_POLL_SECONDS)
            self._show_readiness()
            for greenlet in (worker, keeper):
                if greenlet.dead:
                    greenlet.get()  # raises what ended it
        self._stopping.set()
        gevent.killall([keeper])
        while self._intake.queued:
            gevent.sleep(0.01)
        gevent.killall([worker])
        self._intake.publish(self._intake.switch.unwatched())

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when the publisher has all that was received."""
        return {
            "node": self._intake.node,
            "connected": self._connected,
            "asks_kernel": self._intake.kernel.on,
            **self._intake.status(),
            **self._publisher.status(),
        }

    @property
    def _connected(self) -> bool:
        return self._connection is not None and self._connection.subscribed

    def _show_readiness(self) -> None:
        if self._connected:
            self._stage.ready.set()
            self._logged = None
        else:
            self._stage.ready.clear()

    def _keep_connected(self) -> None:
        settings = self._settings
        backoff = Backoff(settings.retry_refused_seconds, settings.retry_max_seconds)
        while not self._stopping.is_set():
            self._connection = connection = Connection(self._settings, self._intake)
            try:
                connection.serve()
            except EventSocketError as error:
                failure = error
            self._intake.switch.lost(str(failure))
            self._count(failure)
            if connection.began and time.monotonic() - connection.began >= _SOUND_SECONDS:
                backoff.reset()
                continue
            is_refused = isinstance(failure, SwitchUnreachable) and failure.is_refused
            self._stopping.wait(backoff.after(failure.reason, is_refused=is_refused))

    def _count(self, error: EventSocketError) -> None:
        """Count every failure; log one that repeats once."""
        labels = {"source": "freeswitch", "node": self._intake.node, "reason": error.reason}
        metrics.SOURCE_FAILURES.add(1, labels)
        if self._logged != error.reason:
            self._logged = error.reason
            log.error("no connection to the switch", error=type(error).__name__, detail=str(error))


def warn_of_default_password(settings: FreeSwitchSettings) -> None:
    """Log it where the event socket is used with the password that every FreeSWITCH comes with."""
    if settings.password.get_secret_value() == DEFAULT_PASSWORD:
        log.warning(
            "the event socket has FreeSWITCH's default password",
            setting="freeswitch.password",
            remedy="change it in event_socket.conf.xml and in the settings",
        )


def run() -> None:
    """Run the stage until SIGTERM. Raises BadSettings, spool.SpoolInUse, spool.SpoolUnwritable."""
    settings = load(FreeSwitchSettings)
    run_producer(NAME, settings, FreeSwitchProducer, node=f"{settings.host}:{settings.port}")
