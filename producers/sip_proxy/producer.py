"""How the producer of a SIP proxy runs: one thread reads, one publishes, one keeps the lease.

Others ask the server for listings. A subclass names the reader and what is asked.
"""

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from producers.lease import keep_lease
from producers.listing_times import ListingTimes
from producers.publisher import Publisher
from producers.running import Threads
from producers.sip_proxy.inbox_intake import InboxIntake
from producers.translated import Translated
from runtime.stage import Stage

_POLL_SECONDS = 0.1


class LeaseSettings(Protocol):
    """The settings that are needed here."""

    heartbeat_seconds: float
    snapshot_interval_seconds: float


class ProxyProducer(ABC):
    """`run` works until the stage stops."""

    name: ClassVar[str]
    intake: InboxIntake[Any, Any]

    def __init__(self, settings: LeaseSettings, publisher: Publisher, stage: Stage) -> None:
        self._heartbeat_seconds = settings.heartbeat_seconds
        self._publisher = publisher
        self._stage = stage
        self._listings = ListingTimes(settings.snapshot_interval_seconds)
        self._threads = Threads(self.name)

    def run(self) -> None:
        """Read and publish until the stage stops, then publish all that was read."""
        self._open()
        worker = threading.Thread(target=self.intake.work, name=f"{self.name}-worker", daemon=True)
        worker.start()
        threads = [worker]
        threads += map(self._threads.spawn, (self._keep_lease, *self._listing_tasks()))
        self._stage.ready.set()
        try:
            while not self._stage.stop.wait(_POLL_SECONDS):
                if failure := self._failure():
                    raise failure
        finally:
            self._stage.stop.set()
            self._stage.ready.clear()
            self._close()
            self.intake.stopping.set()
            for thread in threads:
                thread.join()
            with self.intake.lock:
                self._publish_last()

    def status(self) -> dict[str, Any]:
        """For /status. `queued` is 0 when the publisher has all that was received."""
        return {
            "node": self.intake.node,
            "boot": self.intake.context.boot,
            **self._source_status(),
            **self.intake.status(),
            **self._publisher.status(),
        }

    @abstractmethod
    def _open(self) -> None:
        """Begin to read."""

    @abstractmethod
    def _close(self) -> None:
        """Read what has arrived, then no more."""

    @abstractmethod
    def _listing_tasks(self) -> list[Callable[[], None]]:
        """What asks the server for listings until the stage stops, each in its own thread."""

    @abstractmethod
    def _heartbeat(self) -> list[Translated]:
        """The node's heartbeat; none while the server is silent. The intake's lock is held."""

    @abstractmethod
    def _publish_last(self) -> None:
        """Publish what is left at the stop. The intake's lock is held."""

    @abstractmethod
    def _source_status(self) -> dict[str, Any]:
        """The source's own keys of /status."""

    def _failure(self) -> BaseException | None:
        return self._threads.failure or self.intake.failure

    def _keep_lease(self) -> None:
        keep_lease(self._beat, self._listings.ask, self._stage.stop.wait, self._heartbeat_seconds)

    def _beat(self) -> bool:
        with self.intake.lock:
            beats = self._heartbeat()
            self.intake.publish(beats)
        return bool(beats)
