"""The stage `sockets`: watches one SIP server's connections for ever and publishes how they end."""

from typing import Any

from producers.publisher import Publisher, PublisherSettings
from producers.sockets.connection_events import boot_id
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from runtime import logs, metrics
from runtime.kafka import KafkaSettings
from runtime.settings import load
from runtime.stage import Stage
from schemas.connection import ConnectionEvent
from schemas.topics import CONNECTIONS

log = logs.get(__name__)

NAME = "sockets"


def run() -> None:
    """Run the stage until SIGTERM.

    Raises BadSettings, KernelRefuses, spool.SpoolInUse, spool.SpoolUnwritable.
    """
    settings = load(SocketsSettings)
    publishing = load(PublisherSettings)
    publisher = Publisher(load(KafkaSettings), publishing, f"{NAME}/{settings.node}")

    def publish(event: ConnectionEvent) -> None:
        publisher.publish(CONNECTIONS, event.connection, event)

    try:
        boot = boot_id()
        memory = KnownConnectionsFile(
            publishing.spool_folder / f"{NAME}-{settings.node}.known", boot
        )
        stage = Stage(NAME, hindrances=[publisher.hindrance])
        stage.start()
        watcher = Watcher(settings, publish, boot, memory)

        def status() -> dict[str, Any]:
            return {**watcher.status(), **publisher.status()}

        def stop() -> None:
            publisher.stop_waiting()
            watcher.stopping.set()

        stage.status, stage.on_stop = status, stop
        if stage.stop.is_set():  # the signal came before there was anything to stop
            stop()
        _serve(watcher, stage, settings.node)
    finally:
        publisher.close(settings.close_timeout_seconds)


def _serve(watcher: Watcher, stage: Stage, node: str) -> None:
    labels = {"source": NAME, "node": node}
    watcher.start()
    metrics.SOURCE_CONNECTED.set(1, labels)
    stage.ready.set()
    try:
        watcher.work()
    finally:
        stage.ready.clear()
        watcher.close()
        metrics.SOURCE_CONNECTED.set(0, labels)
