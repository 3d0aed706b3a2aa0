"""The digits of one attempt, one after the other, each confirmed before the next (pure).

The switch reports no event for a digit that it sent. What confirms one:

- RFC 4733: the packets it counts. do_2833() in switch_rtp.c sends a first packet, one each 20 ms,
  and the last three times, and counts each (`dtmf_packet_count`): a digit is out when at least
  four more were counted, and no more come.
- In-band: the end of the tone's playback.
- INFO: nothing. mod_sofia drops the answer (nua_r_info in sofia.c), so the digit counts as sent
  and unconfirmed.
"""

from dataclasses import dataclass
from enum import Enum

from schemas.vocabulary import DigitMethod

# A first packet, and the last one three times.
_PACKETS_LEAST = 4
# Packets come each 20 ms: so long without one, and the digit is out.
_STILL_SECONDS = 0.045
_GRACE_SECONDS = 3.0


class KeyingStep(Enum):
    """What became of the digit that is going out."""

    WAITING = 0
    CONFIRMED = 1
    UNCONFIRMED = 2


@dataclass(slots=True)
class Keying:
    """One attempt at `count` digits. Times are the caller's, in seconds."""

    count: int
    method: DigitMethod
    digit_ms: int
    gap_ms: int
    sent: int = 0
    confirmed: int = 0
    # When the last digit was sent.
    sent_at: float = 0.0
    _next_at: float = 0.0
    _counted: int = 0
    _last_counted: int = 0
    _grew_at: float = 0.0
    _in_flight: bool = False

    @property
    def is_done(self) -> bool:
        """Whether each digit was sent, and waited for."""
        return self.sent == self.count and not self._in_flight

    @property
    def in_flight(self) -> bool:
        """Whether a digit was sent that is neither confirmed nor given up."""
        return self._in_flight

    def due(self, now: float) -> bool:
        """Whether the next digit is to go out."""
        return not self._in_flight and self.sent < self.count and now >= self._next_at

    def send(self, now: float, dtmf_packets: int) -> int:
        """The digit's place, counted from 0. `dtmf_packets`: what the switch had sent before."""
        place, self.sent = self.sent, self.sent + 1
        self._in_flight, self.sent_at = True, now
        self._next_at = now + (self.digit_ms + self.gap_ms) / 1000
        self._counted = self._last_counted = dtmf_packets
        self._grew_at = now
        return place

    def counted(self, dtmf_packets: int, now: float) -> KeyingStep:
        """The switch's counter, read again."""
        if not self._in_flight or self.method is DigitMethod.INBAND:
            return self._overdue(now)
        over = now - self.sent_at >= self.digit_ms / 1000
        if self.method is DigitMethod.INFO:
            return self._end(KeyingStep.UNCONFIRMED, now) if over else KeyingStep.WAITING
        grown = dtmf_packets - self._counted
        if dtmf_packets != self._last_counted:
            self._last_counted, self._grew_at = dtmf_packets, now
        is_still = now - self._grew_at >= _STILL_SECONDS
        if over and is_still and grown >= _PACKETS_LEAST:
            return self._end(KeyingStep.CONFIRMED, now)
        return self._overdue(now)

    def played(self, now: float) -> KeyingStep:
        """The playback of an in-band digit ended."""
        return self._end(KeyingStep.CONFIRMED, now)

    def _overdue(self, now: float) -> KeyingStep:
        late = now - self.sent_at > self.digit_ms / 1000 + _GRACE_SECONDS
        if self._in_flight and late:
            return self._end(KeyingStep.UNCONFIRMED, now)
        return KeyingStep.WAITING

    def _end(self, step: KeyingStep, now: float) -> KeyingStep:
        self._in_flight = False
        self.confirmed += step is KeyingStep.CONFIRMED
        if self.method is DigitMethod.INBAND:
            self._next_at = now + self.gap_ms / 1000
        return step
