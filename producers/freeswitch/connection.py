"""One connection to the switch, from connecting to its end: subscribe, announce, list, recheck."""

import time
from collections.abc import Callable
from typing import NoReturn

import gevent
from gevent import Greenlet

from producers.freeswitch import speech
from producers.freeswitch.client import event_socket
from producers.freeswitch.errors import ConnectionLost, EventSocketError, HalfOpen
from producers.freeswitch.intake import Intake
from producers.freeswitch.lister import Lister
from producers.freeswitch.settings import FreeSwitchSettings
from producers.freeswitch.translation import subscription
from producers.freeswitch.uncertain_users import UNCERTAIN_MAX
from producers.lease import keep_lease
from producers.listing_times import ListingTimes
from runtime import logs, metrics
from schemas.origin import Address
from schemas.vocabulary import NodeKind

log = logs.get(__name__)

_POLL_SECONDS = 0.25
# Users asked about in one go, and the pause after each: some 40 a second at most.
_USERS_AT_ONCE, _USER_PAUSE_SECONDS = 20, 0.025


class Connection:
    """Use it once: `serve` returns by raising."""

    def __init__(self, settings: FreeSwitchSettings, intake: Intake) -> None:
        self._settings = settings
        self._intake = intake
        self._switch = intake.switch
        self._socket = event_socket(settings, intake.put)
        self._lister = Lister(self._socket, intake, settings)
        self._listings = ListingTimes(settings.snapshot_interval_seconds)
        self._probing = False
        self._greenlets: list[Greenlet] = []
        self.subscribed = False
        self.began: float | None = None  # when it was subscribed, in monotonic seconds

    def serve(self) -> NoReturn:
        """Connect and serve until the end. Raises the EventSocketError that ended it."""
        try:
            self._socket.connect()
            self._socket.subscribe(
                subscription(with_digits=self._settings.dtmf, with_speech=self._settings.speech)
            )
            self._begin()
            self._socket.ended.wait()
            raise self._socket.failure or ConnectionLost("ended")
        finally:
            self._end()

    def _begin(self) -> None:
        self.subscribed, self.began = True, time.monotonic()
        self._open_kernel()
        self._switch.ask(self._socket)
        self._intake.publish(self._switch.announce())
        log.info("connected", node=self._intake.node, boot=self._switch.boot)
        metrics.SOURCE_CONNECTED.set(1, self._labels())
        for task in (self._keep_lease, self._watch, self._list, self._recheck):
            self._spawn(task)

    def _open_kernel(self) -> None:
        server, own = (Address(ip=ip, port=port) for ip, port in self._socket.ends())
        self._intake.kernel.open(server, own, self._lister.ports, self._lister.verto_ports)

    def _spawn(self, task: Callable[[], None]) -> None:
        """Start a task; if it fails, the connection ends: without it nobody would notice."""
        self._greenlets = [one for one in self._greenlets if not one.dead]
        greenlet = gevent.spawn(task)
        greenlet.link_exception(lambda one: self._socket.end(ConnectionLost(repr(one.exception))))
        self._greenlets.append(greenlet)

    def _end(self) -> None:
        gevent.killall(self._greenlets)
        self._socket.stop()
        if self.subscribed:
            self.subscribed = False
            metrics.SOURCE_CONNECTED.set(0, self._labels())

    def _labels(self) -> dict[str, str]:
        return {"source": "freeswitch", "node": self._intake.node}

    def _silence(self) -> float:
        """Seconds since the switch sent anything; 0 while this producer does not read."""
        return 0.0 if self._intake.queue.full() else time.monotonic() - self._socket.last_read

    def _keep_lease(self) -> None:
        """Publish heartbeats as long as the switch sends anything."""
        keep_lease(self._beat, self._listings.ask, _sleep, self._settings.heartbeat_seconds)

    def _beat(self) -> bool:
        """Publish a heartbeat where the switch lives; False while it is silent."""
        settings = self._settings
        # The switch sends nothing else on this connection while it makes a listing.
        limit = (
            settings.command_timeout_seconds
            if self._lister.busy
            else settings.lease_silence_seconds
        )
        if self._silence() > limit:
            return False
        if self._switch.lives:
            switch = self._switch
            self._intake.publish([switch.mark(NodeKind.HEARTBEAT, switch.clock.now())])
            self._intake.publish(speech.tick(self._intake.context, switch.clock.now()))
        return True

    def _watch(self) -> None:
        """Probe the switch when it falls silent; end the connection when it stays silent."""
        polled = time.monotonic()
        while True:
            gevent.sleep(_POLL_SECONDS)
            now = time.monotonic()
            if now - polled > 2 * _POLL_SECONDS + 1:  # this process itself was suspended
                self._socket.last_read = now
            polled = now
            silence = self._silence()
            if silence > self._settings.half_open_seconds:
                self._socket.end(HalfOpen(f"no event or answer for {silence:.0f} s"))
            elif silence > self._settings.probe_after_seconds and not self._probing:
                self._probing = True
                self._spawn(self._probe)

    def _probe(self) -> None:
        try:
            self._socket.api("hostname")
        except EventSocketError:
            pass  # an error is an answer; `_watch` ends a silent connection
        finally:
            self._probing = False

    def _list(self) -> None:
        """Publish a snapshot at the beginning, on demand, and every few minutes."""
        try:
            while True:
                now = time.monotonic()
                if self._switch.announced and self._listings.is_due(now):
                    self._listings.begin(now)
                    self._lister.list_node()
                    self._listings.end()
                gevent.sleep(_POLL_SECONDS)
        except EventSocketError:
            return  # `serve` raises the reason

    def _recheck(self) -> None:
        """Ask the table about users whose events left open which bindings remain."""
        intake, uncertain = self._intake, self._intake.table.uncertain
        try:
            while True:
                intake.recheck.wait(_POLL_SECONDS)
                intake.recheck.clear()
                if len(uncertain) > UNCERTAIN_MAX:
                    intake.publish(uncertain.clear())
                    self._listings.ask()
                if intake.recheck_verto and self._switch.lives:
                    intake.recheck_verto = False
                    self._lister.list_verto()
                for user in uncertain.take_due(time.monotonic(), _USERS_AT_ONCE):
                    self._lister.list_user(user)
                    gevent.sleep(_USER_PAUSE_SECONDS)
        except EventSocketError:
            return


def _sleep(seconds: float) -> bool:
    """As Event.wait of an event that is never set: the greenlet ends by being killed."""
    gevent.sleep(seconds)
    return False
