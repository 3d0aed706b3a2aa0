"""The product's own kernel watcher, in memory: it publishes which connections have ended."""

import threading

from producers.sockets.connection_events import boot_id
from producers.sockets.settings import SocketsSettings
from producers.sockets.watcher import Watcher
from schemas.connection import ConnectionEvent
from schemas.topics import CONNECTIONS
from tests.registrars.presence import PresenceView


class KernelEnds:
    """The real watcher beside the registrar: it reports the ends of connections to presence."""

    def __init__(self, node: str, ports: list[int], view: PresenceView) -> None:
        settings = SocketsSettings(node=node, ports=[str(port) for port in ports])

        def publish(event: ConnectionEvent) -> None:
            view.publish(CONNECTIONS, event.connection, event)

        self._watcher = Watcher(settings, publish, boot_id())
        self._watcher.start()
        self._thread = threading.Thread(target=self._watcher.work, name="watcher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._watcher.stopping.set()
        self._thread.join()
        self._watcher.close()
