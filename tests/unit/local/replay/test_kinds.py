"""A recording of the wrong kind is named, with its kind in words."""

import re
from pathlib import Path

import pytest

from local.replay.kinds import KINDS
from local.replay.playing import Playing
from local.replay.sources import parse_sources
from local.stack import Stack
from runtime.settings import BadArgument

CAPTURES = Path(__file__).parents[3] / "captures"
FILES = {
    "freeswitch": CAPTURES / "freeswitch" / "reg_udp.json",
    "opensips": CAPTURES / "opensips" / "call_busy.datagram",
    "kamailio": CAPTURES / "kamailio" / "sc_a_fin.jsonl",
    "sockets": CAPTURES / "edge" / "A_kill9.sockets.jsonl",
    "rtpengine": CAPTURES / "rtpengine" / "ng_good.jsonl",
    "mrcp": CAPTURES / "mrcp" / "pieces.log",
}


def refused(argument: str, folder: Path) -> str:
    """The reason for which the argument is not played."""
    with pytest.raises(BadArgument) as error:
        Playing(Stack(folder, print), parse_sources([argument], []), None)
    text = str(error.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("claimed", KINDS)
@pytest.mark.parametrize("actual", KINDS)
def test_every_kind_is_told_from_every_other(claimed: str, actual: str, tmp_path: Path) -> None:
    argument = f"{claimed}={FILES[actual]}"
    if claimed == actual:
        Playing(Stack(tmp_path, print), parse_sources([argument], []), None)
        return
    reason = refused(argument, tmp_path)
    assert reason.endswith(f"but of {KINDS[actual].words}: write {actual}={FILES[actual]}")
    assert f"is no recording of {KINDS[claimed].words}" in reason


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", [b"", b"hello\n", b'{"t": 1}\n', b"\x00\xff" * 50])
def test_what_is_no_recording_is_refused_with_the_kinds(
    kind: str, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "a-file"
    file.write_bytes(content)
    reason = refused(f"{kind}={file}", tmp_path)
    assert all(one.words in reason for one in KINDS.values())


def test_a_compressed_recording_is_named_so(tmp_path: Path) -> None:
    packed = CAPTURES / "sockets" / "blackhole.jsonl.gz"
    assert re.search(r"it is compressed, unpack it first", refused(f"sockets={packed}", tmp_path))
