"""The stage `sockets`: watches one SIP server's connections and publishes how they end."""

from typing import Any

from producers.publisher import Publisher, PublisherSettings
from producers.running import run_producer
from producers.sockets.connection_events import boot_id
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from runtime import metrics
from runtime.settings import load
from runtime.stage import Stage
from schemas.connection import ConnectionEvent
from schemas.topics import CONNECTIONS

NAME = "sockets"


class SocketsProducer:
    """One watcher of one SIP server."""

    def __init__(self, settings: SocketsSettings, publisher: Publisher, stage: Stage) -> None:
        self._settings = settings
        self._publisher = publisher
        self._stage = stage
        self._watcher: Watcher | None = None

    def run(self) -> None:
        """Watch until the stage's `stop` is set. Raises KernelRefuses."""
        boot, node = boot_id(), self._settings.node
        path = load(PublisherSettings).spool_folder / f"{NAME}-{node}.known"
        file = KnownConnectionsFile(path, boot)
        watcher = Watcher(self._settings, self._publish, boot, file, self._stage.stop)
        self._watcher = watcher
        watcher.start()
        metrics.SOURCE_CONNECTED.set(1, {"source": NAME, "node": node})
        self._stage.ready.set()
        try:
            watcher.work()
        finally:
            self._stage.ready.clear()
            watcher.close()
            metrics.SOURCE_CONNECTED.set(0, {"source": NAME, "node": node})

    def status(self) -> dict[str, Any]:
        """For /status."""
        watched = self._watcher.status() if self._watcher else {}
        return {**watched, **self._publisher.status()}

    def _publish(self, event: ConnectionEvent) -> None:
        self._publisher.publish(CONNECTIONS, event.connection, event)


def run() -> None:
    """Run the stage until SIGTERM.

    Raises BadSettings, KernelRefuses, spool.SpoolInUse, spool.SpoolUnwritable.
    """
    run_producer(NAME, load(SocketsSettings), SocketsProducer)
