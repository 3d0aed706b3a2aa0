"""What a caller of the load says: silence, speech, silence, as RTP packets of 20 ms (pure)."""

import struct
from collections.abc import Iterator
from itertools import count
from math import pi, sin
from pathlib import Path

RATE = 8_000
PACKET_SECONDS = 0.02
_SAMPLES = int(RATE * PACKET_SECONDS)
# PCMU (RFC 3551 §6), whose silence is this byte.
_PAYLOAD_TYPE, _SILENCE = 0, b"\xff"
_BIAS, _CLIP = 0x84, 32_635
# Of 32,768: below is noise.
_QUIET = 600


def mu_law(sample: int) -> int:
    """A sample of 16 bits as one byte of G.711 µ-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), _CLIP) + _BIAS
    exponent = max(0, magnitude.bit_length() - 8)
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    return ~(sign | exponent << 4 | mantissa) & 0xFF


def spoken(path: Path | None, seconds: float = 0.8) -> bytes:
    """Speech in µ-law: of a file with 16-bit little-endian samples at 8,000 Hz, else a voiced tone
    with the rhythm of syllables. What is quiet at a file's ends is cut: delays count from the
    speech. Raises ValueError where all is quiet."""
    if path is None:
        samples = [round(_tone(number / RATE)) for number in range(int(seconds * RATE))]
    else:
        data = path.read_bytes()
        samples = [one for (one,) in struct.iter_unpack("<h", data[: len(data) // 2 * 2])]
        loud = [number for number, one in enumerate(samples) if abs(one) >= _QUIET]
        if not loud:
            raise ValueError(f"no speech in {path}")
        samples = samples[loud[0] : loud[-1] + 1]
    return bytes(map(mu_law, samples))


def _tone(at: float) -> float:
    voice = sum(sin(2 * pi * 140 * harmonic * at) / harmonic for harmonic in range(1, 8))
    return 6_000 * voice * (0.6 + 0.4 * sin(2 * pi * 5 * at))


def call(speech: bytes, before: float, after: float) -> tuple[bytes, int, int]:
    """A call's audio with so many seconds of silence before and after; and the numbers of the
    first and the last packet with speech in it."""
    lead = _SILENCE * (round(before / PACKET_SECONDS) * _SAMPLES)
    tail = _SILENCE * (round(after / PACKET_SECONDS) * _SAMPLES)
    return lead + speech + tail, len(lead) // _SAMPLES, (len(lead) + len(speech) - 1) // _SAMPLES


def packets(audio: bytes, ssrc: int) -> Iterator[bytes]:
    """The RTP packets (RFC 3550 §5.1) of the audio, one each PACKET_SECONDS; the last is filled."""
    for number in count():
        part = audio[number * _SAMPLES : (number + 1) * _SAMPLES]
        if not part:
            return
        marker = 0x80 if number == 0 else 0
        header = struct.pack(
            "!BBHII",
            0x80,
            marker | _PAYLOAD_TYPE,
            number & 0xFFFF,
            number * _SAMPLES & 0xFFFFFFFF,
            ssrc,
        )
        yield header + part.ljust(_SAMPLES, _SILENCE)
