"""Which peers' connections ended lately: a connection that is gone differs from one never made.

For producers whose server reports a transport that it only read in the Contact (FreeSWITCH). The
kernel is asked about a connection after the event; that there is none proves an end only if there
was one.
"""

import _socket
import errno
import time
from collections import OrderedDict
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from producers.sockets import netlink
from producers.sockets.notifications import Subscription
from schemas.origin import Address

_BUFFER_BYTES = 4 * 2**20
_MESSAGE_BYTES = 8192
_ENDS_MAX = 20_000
# A REGISTER's connection ends after it was sent; the event about it is made when it was served.
_SERVING_SECONDS = 30.0


class _Ended(NamedTuple):
    read_at: float  # seconds since the epoch
    cookie: int


class RecentEnds:
    """Peers of the sockets destroyed since this was made, newest last. One thread at a time."""

    def __init__(self, ports: Collection[int], ends_max: int = _ENDS_MAX) -> None:
        """`ports` are the server's. Raises KernelRefuses, QueryFailed."""
        self._ports = frozenset(ports)
        self._ends_max = ends_max
        self._subscription = Subscription(_BUFFER_BYTES, sorted(self._ports))
        self._ended: OrderedDict[tuple[str, int], _Ended] = OrderedDict()
        # Every end since is known, in seconds since the epoch.
        self._complete_since = time.time()

    def close(self) -> None:
        self._subscription.socket.close()

    def read(self) -> None:
        """Read what the kernel has sent; one system call where there is nothing."""
        receive = self._subscription.socket.recv
        while True:
            try:
                data = receive(_MESSAGE_BYTES, _socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._complete_since = time.time()  # some were lost
                continue
            for socket in netlink.sockets(data):
                if not self._ports or socket.local_port in self._ports:
                    self._add(socket.remote, socket.cookie)

    def end_of(self, remote: Address, at: datetime) -> int | None:
        """The cookie of this peer's connection that was there about `at` and has ended since."""
        self.read()
        ended = self._ended.get((remote.ip, remote.port))
        if ended is None or ended.read_at < at.timestamp() - _SERVING_SECONDS:
            return None
        return ended.cookie

    def knows_since(self, at: datetime) -> bool:
        """Whether no end since then was missed."""
        return self._complete_since <= at.timestamp()

    def _add(self, remote: Address, cookie: int) -> None:
        peer = (remote.ip, remote.port)
        self._ended[peer] = _Ended(time.time(), cookie)
        self._ended.move_to_end(peer)
        if len(self._ended) > self._ends_max:
            _, forgotten = self._ended.popitem(last=False)
            self._complete_since = max(self._complete_since, forgotten.read_at)
