"""A torn spool file: opened, set aside or named, and its publisher continues."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import example, given

from producers.record import Record
from producers.spool import Spool, SpoolInUse, SpoolUnwritable
from tests.fuzz.hostile import fuzzed, mutated

NUMBER, TOPIC = 7, "rollcall.registrations"


@pytest.fixture(scope="module")
def files() -> Iterator[dict[str, bytes]]:
    """A spool's files, closed in order, and torn away from it in the middle."""
    folder = Path(tempfile.mkdtemp())
    spool = Spool(folder, "n")
    for number in range(1, 30):
        spool.append(number, _record(number))
    torn = {"torn": spool.path.read_bytes(), "wal": Path(f"{spool.path}-wal").read_bytes()}
    spool.close()
    yield torn | {"whole": spool.path.read_bytes()}
    shutil.rmtree(folder)


def _record(number: int) -> Record:
    headers = [("ce_id", b"id-%d" % number), ("ce_type", b"t")]
    return Record(TOPIC, b"sip:a@x", b'{"seq":%d,"pad":"%s"}' % (number, b"x" * 200), headers, 1)


def use(main: bytes, wal: bytes = b"") -> None:
    """What a publisher does with it: reads all, forgets one, appends, and reads again."""
    folder = Path(tempfile.mkdtemp())
    try:
        path = folder / "n.sqlite3"
        path.write_bytes(main)
        if wal:
            Path(f"{path}-wal").write_bytes(wal)
        try:
            spool = Spool(folder, "n")
        except (SpoolInUse, SpoolUnwritable):
            return
        assert spool.count >= 0
        found = spool.after(-(2**63), 1000)
        assert len(found) == spool.count
        assert all(isinstance(record.topic, str) for _, record in found)
        last = max(spool.last, 0)
        if last < 2**63 - 1:
            spool.append(last + 1, _record(last + 1))
            assert spool.after(last, 10) == [(last + 1, _record(last + 1))]
        spool.remove_all(spool.after(0, 1))
        spool.trim()
        spool.close()
    finally:
        shutil.rmtree(folder)


def test_any_torn_file_is_read_or_set_aside(files: dict[str, bytes]) -> None:
    @fuzzed(60)
    @given(mutated([files["whole"], files["torn"], b""]))
    @example(files["whole"].replace(b"ce_id", b"\xff\xff\xff\xff\xff"))  # stopped the delivery
    @example(files["whole"].replace(TOPIC.encode(), b"\xff" * len(TOPIC)))
    @example(files["whole"].replace(b"headers BLOB", b"haeders BLOB"))  # a table of another form
    def torn(main: bytes) -> None:
        use(main)

    torn()


def test_any_torn_journal_is_read_or_left(files: dict[str, bytes]) -> None:
    @fuzzed(40)
    @given(mutated([files["wal"]]))
    def torn(wal: bytes) -> None:
        use(files["torn"], wal)

    torn()
