"""The caller's audio: µ-law as G.711 has it, packets in order, speech where it is said."""

import struct
from pathlib import Path

import pytest

from benchmarks.mrcp.audio import call, mu_law, packets, spoken

# G.711, table 2a: the values at the ends of the segments.
KNOWN = {0: 0xFF, 8: 0xFE, -8: 0x7E, 132: 0xEF, 32_635: 0x80, -32_635: 0x00, 40_000: 0x80}


@pytest.mark.parametrize("sample", KNOWN)
def test_mu_law(sample: int) -> None:
    assert mu_law(sample) == KNOWN[sample]


def test_packets_have_rising_numbers_and_times() -> None:
    audio, first, last = call(spoken(None, 0.5), 0.1, 0.2)
    made = list(packets(audio, 77))
    assert [struct.unpack("!BBHII", one[:12]) for one in made] == [
        (0x80, 0x80 if number == 0 else 0, number, number * 160, 77) for number in range(40)
    ]
    assert {len(one) for one in made} == {172}
    is_speech = [bool(one[12:].strip(b"\xff")) for one in made]
    assert (first, last) == (5, 29)
    assert is_speech == [first <= number <= last for number in range(40)]


def test_speech_of_a_file_without_the_quiet_at_its_ends(tmp_path: Path) -> None:
    path = tmp_path / "one.pcm"
    path.write_bytes(struct.pack("<7h", 0, 50, 4_000, 132, -32_635, 40, 0) + b"x")
    assert spoken(path) == bytes([mu_law(4_000), 0xEF, 0x00])
    path.write_bytes(bytes(1_000))
    with pytest.raises(ValueError, match="no speech in"):
        spoken(path)
