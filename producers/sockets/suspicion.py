"""Which connections are no longer acknowledged, long before the kernel gives them up. Pure.

A connection is in trouble when a segment was retransmitted `retransmits` times in a row, or when a
probe (keepalive, zero window) stays unanswered in two samples. It is suspect when, besides, no ACK
came for `seconds`; it has recovered when one came since.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from producers.sockets.tcp_info import TcpInfo

# The kernel counts in ticks of up to 10 ms; two samples of one ACK differ by less than this.
_SLACK_SECONDS = 0.05


class Suspect(NamedTuple):
    """The last counters of a suspect connection, and when its last ACK had come."""

    info: TcpInfo
    acked_at: float


@dataclass(slots=True)
class Suspicion:
    """Connections in trouble, by cookie. Times are seconds of one monotonic clock."""

    retransmits: int
    seconds: float
    suspects: dict[int, Suspect] = field(default_factory=dict)
    _probing: set[int] = field(default_factory=set)

    def update(self, cookie: int, info: TcpInfo, now: float) -> bool | None:
        """Take a sample. True: suspect from now on. False: recovered. None: no change."""
        acked_at = now - info.last_ack_recv / 1000
        suspect = self.suspects.get(cookie)
        if suspect is not None:
            if acked_at > suspect.acked_at + _SLACK_SECONDS:
                self.forget(cookie)
                return False
            self.suspects[cookie] = Suspect(info, suspect.acked_at)
            return None
        if not self._is_in_trouble(cookie, info) or now - acked_at < self.seconds:
            return None
        self.suspects[cookie] = Suspect(info, acked_at)
        return True

    def forget(self, cookie: int) -> None:
        """The connection has ended or recovered."""
        self._probing.discard(cookie)
        self.suspects.pop(cookie, None)

    def _is_in_trouble(self, cookie: int, info: TcpInfo) -> bool:
        probing_still = info.probes > 0 and cookie in self._probing
        if info.probes > 0:
            self._probing.add(cookie)
        else:
            self._probing.discard(cookie)
        return info.retransmits >= self.retransmits or info.probes > 1 or probing_still
