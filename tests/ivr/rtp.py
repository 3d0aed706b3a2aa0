"""RTP packets of the test IVR: PCMU out, telephone events and in-band tones in (RFC 3550, 4733)."""

import struct
from dataclasses import dataclass

from tests.ivr.audio import from_ulaw
from tests.ivr.inband import InbandDigits

_KEYS = "0123456789*#ABCD"
_HEADER = struct.Struct("!BBHII")


@dataclass(slots=True)
class Sender:
    """The numbers of one outgoing stream."""

    source: int
    sequence: int = 1
    timestamp: int = 160

    def packet(self, payload: bytes) -> bytes:
        """The next 20 ms of PCMU."""
        header = _HEADER.pack(
            0x80, 0, self.sequence & 0xFFFF, self.timestamp & 0xFFFFFFFF, self.source
        )
        self.sequence += 1
        self.timestamp += len(payload)
        return header + payload


class Digits:
    """Digits out of a stream: of a telephone event at its first packet with the end; in-band."""

    def __init__(self, payload_type: int) -> None:
        self._type = payload_type
        self._ended: set[int] = set()
        self._inband = InbandDigits()
        self.audio_packets = 0
        # Of each digit, in samples as the last packet has it.
        self.durations: list[int] = []

    def feed(self, packet: bytes) -> str | None:
        """The digit that a packet completes."""
        if len(packet) < _HEADER.size:
            return None
        _, kind, _, timestamp, _ = _HEADER.unpack_from(packet)
        if kind & 0x7F != self._type:
            self.audio_packets += 1
            return self._inband.feed(from_ulaw(packet[_HEADER.size :])) if not kind & 0x7F else None
        event, flags, duration = struct.unpack_from("!BBH", packet, _HEADER.size)
        if not flags & 0x80 or timestamp in self._ended or event >= len(_KEYS):
            return None
        self._ended.add(timestamp)
        self.durations.append(duration)
        return _KEYS[event]
