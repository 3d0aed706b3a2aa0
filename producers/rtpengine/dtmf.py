"""Receives the digits that rtpengine detects in the media (`dtmf-log-dest`), one in a datagram.

Runs in a thread of its own. A datagram not read in time is lost, and nothing shows it; the kernel's
buffer holds thousands.
"""

import socket
import threading
from collections.abc import Iterable

from producers.private_input import MASKED_INPUT
from producers.publisher import Publisher
from producers.rtpengine import translation
from producers.rtpengine.context import Context
from producers.senders import LOCAL, AllowedSenders
from runtime import metrics
from runtime.settings import BadSettings
from schemas.codec import InvalidRecord

_MAX_DATAGRAM = 65_535
_POLL_SECONDS = 0.2
_BUFFER_BYTES = 2**20


class DtmfListener:
    """The socket is open from the beginning; `start` begins to read, `stop` closes it."""

    def __init__(
        self,
        address: str,
        publisher: Publisher,
        context: Context,
        allowed_senders: Iterable[str] = (LOCAL,),
    ) -> None:
        """Raises BadSettings where the address cannot be bound."""
        self._senders = AllowedSenders(allowed_senders, "rtpengine", context.node)
        self._publisher = publisher
        self._context = context
        self._stopping = threading.Event()
        self._socket = _open(address)
        self._thread = threading.Thread(target=self._run, name="rtpengine-dtmf", daemon=True)
        self.failure: BaseException | None = None

    @property
    def port(self) -> int:
        port: int = self._socket.getsockname()[1]
        return port

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Read what has arrived, then close."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def _run(self) -> None:
        try:
            self._read()
        except BaseException as error:
            self.failure = error

    def _read(self) -> None:
        while True:
            stopping = self._stopping.is_set()
            self._socket.settimeout(0.0 if stopping else _POLL_SECONDS)
            try:
                data, (sender, *_) = self._socket.recvfrom(_MAX_DATAGRAM)
            except (TimeoutError, BlockingIOError):
                if stopping:
                    return
                continue
            if self._senders.allows(sender):
                self.publish(data)

    def publish(self, data: bytes) -> None:
        """Publish the digit in a datagram, or its dead letter."""
        context = self._context
        metrics.SOURCE_EVENTS.add(1, {"source": "rtpengine", "node": context.node})
        try:
            topic, key, event = translation.dtmf(context, context.ticks.now(), data)
        except InvalidRecord as error:
            key = context.dead_letter_key
            self._publisher.dead_letter(key, MASKED_INPUT, error.reason, error.field)
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
