"""An MRCP server's log: records or named refusals, and what follows hostile bytes is read."""

import tempfile
from datetime import timedelta
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from tests.fuzz.hostile import fuzzed, mutated
from tests.unit.mrcp_log import Reading, log_of

_SPEECH = Path(__file__).parents[1] / "captures" / "speech"
_LOGS = [log_of(_SPEECH / f"fs_{name}.mrcp") for name in ("pds_success", "pds_nomatch", "speak")]
_LATER = log_of(_SPEECH / "fs_detect_speech.mrcp")


def read(hostile: bytes) -> None:
    """A session after the bytes is published whole; and so again after a restart."""
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "mrcp.log"
        log.write_bytes(hostile)
        first = Reading(log)
        before = first.read()
        with log.open("ab") as file:
            file.write(b"\n" * 4_100 + _LATER)
        after = first.read()
        ended = [event for event in after if event.leg.startswith("786733cd")][-1]
        assert ended.cause == "success"
        first.tick(ended.at + timedelta(hours=9))
        second = Reading(log, checkpoint=first.reader.checkpoint())
        assert second.read() == []
        assert len({event.id for event in before + after}) <= len(before + after)


@fuzzed(250)
@given(mutated(_LOGS))
@example(b"0001-01-01 00:00:00:000000 [INFO]   Create MRCPv2 Agent [a]\n")
@example(b"9999-12-31 23:59:59:999999 [INFO]   Create MRCPv2 Agent [a]\n")
def test_no_bytes_stop_the_reading(hostile: bytes) -> None:
    read(hostile)


@fuzzed(100)
@given(st.binary(max_size=300))
def test_nor_do_bytes_of_anything(hostile: bytes) -> None:
    read(hostile)
