"""Takes the digits rtpengine sees in the media (`dtmf-log-dest`): a datagram each, one thread.

A datagram that is not read in time is lost without a trace; the kernel's buffer holds thousands.
"""

import socket
import threading
from collections.abc import Iterable

from producers.publisher import Publisher
from producers.rtpengine import translation
from producers.rtpengine.context import Context
from producers.senders import LOCAL, AllowedSenders
from runtime import metrics
from runtime.settings import BadSettings
from schemas.codec import InvalidRecord

_MAX_DATAGRAM = 65_535
_LOOK_SECONDS = 0.2
_BUFFER_BYTES = 2**20


class DtmfListener:
    """Open at once, `start` reads, `stop` closes."""

    def __init__(
        self,
        address: str,
        publisher: Publisher,
        context: Context,
        allowed_senders: Iterable[str] = (LOCAL,),
    ) -> None:
        """Raises BadSettings when the address cannot be had."""
        self._senders = AllowedSenders(allowed_senders, "rtpengine", context.node)
        self._publisher = publisher
        self._context = context
        self._stopping = threading.Event()
        self._socket = _open(address)
        self._thread = threading.Thread(target=self._guarded, name="rtpengine-dtmf", daemon=True)
        self.failure: BaseException | None = None

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Read what has come already, then close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _guarded(self) -> None:
        try:
            self._work()
        except BaseException as error:
            self.failure = error

    def _work(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._socket.settimeout(0.0 if stopping else _LOOK_SECONDS)
            try:
                data, (sender, *_) = self._socket.recvfrom(_MAX_DATAGRAM)
            except (TimeoutError, BlockingIOError):
                if stopping:
                    return
                continue
            if self._senders.allows(sender):
                self._take(data)

    def _take(self, data: bytes) -> None:
        node = self._context.node
        metrics.SOURCE_EVENTS.add(1, {"source": "rtpengine", "node": node})
        try:
            topic, key, event = translation.dtmf(self._context, self._context.ticks.now(), data)
        except InvalidRecord as error:
            self._publisher.dead_letter(f"rtpengine/{node}", data, error.reason, error.field)
            return
        self._publisher.publish(topic, key, event)


def _open(address: str) -> socket.socket:
    host, _, port = address.rpartition(":")
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER_BYTES)
        listener.bind((host.strip("[]"), int(port)))
    except (OSError, OverflowError) as error:
        listener.close()
        raise BadSettings(f"rtpengine.listen_dtmf {address}: {error}") from error
    return listener
