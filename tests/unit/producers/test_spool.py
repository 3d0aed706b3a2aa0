"""The spool: order, counts, bounds, and what a crash or a broken file leaves."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from producers.record import Record
from producers.spool import Spool, SpoolInUse, SpoolUnwritable

ROOT = Path(__file__).parents[3]


def record(text: str, partition: int | None = None) -> Record:
    return Record("topic", b"key", text.encode(), [("ce_id", text.encode())], partition)


def test_records_come_back_whole_and_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "freeswitch/node1")
    spool.append(7, record("seven"))
    spool.append_all([(3, record("three", partition=2)), (5, record("five"))])
    assert spool.after(0, 10) == [
        (3, record("three", partition=2)),
        (5, record("five")),
        (7, record("seven")),
    ]
    assert spool.after(3, 1) == [(5, record("five"))]
    assert (spool.count, spool.last) == (3, 7)
    spool.close()


def test_counts_and_bytes_follow_what_is_in_it_and_survive_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "n")
    for number in range(1, 6):
        spool.append(number, record("x" * number))
    spool.append_all([(5, record("again")), (6, record("six"))])
    spool.remove_all([(1, record("x")), (2, record("xx"))])
    spool.replace(3, record("xxx"), record("another"))
    expected = [record(t).size for t in ("another", "xxxx", "xxxxx", "six")]
    assert (spool.count, spool.size, spool.last) == (4, sum(expected), 6)
    spool.close()

    spool = Spool(tmp_path, "n")
    assert (spool.count, spool.size, spool.last) == (4, sum(expected), 6)
    spool.close()


def test_two_publishers_cannot_share_one_spool(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "n")
    with pytest.raises(SpoolInUse):
        Spool(tmp_path, "n")
    Spool(tmp_path, "other").close()
    spool.close()
    Spool(tmp_path, "n").close()


def test_a_killed_process_loses_nothing_it_had_appended(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from pathlib import Path\n"
        "from producers.record import Record; from producers.spool import Spool\n"
        "s = Spool(Path(sys.argv[1]), 'n')\n"
        "for i in range(1, 501): s.append(i, Record('t', b'k', b'v%d' % i, []))\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    child = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT)
    assert child.returncode == -signal.SIGKILL
    spool = Spool(tmp_path, "n")
    assert [r.value for _, r in spool.after(0, 1000)] == [b"v%d" % i for i in range(1, 501)]
    spool.close()


@pytest.mark.parametrize("cut", [1, 100, 5000])
def test_a_torn_tail_is_cut_off_and_what_stands_before_it_is_kept(tmp_path: Path, cut: int) -> None:
    spool = Spool(tmp_path / "live", "n")
    for number in range(1, 101):
        spool.append(number, record(f"v{number}"))
    torn = tmp_path / "torn"
    torn.mkdir()
    for suffix in ("", "-wal"):
        data = Path(f"{spool.path}{suffix}").read_bytes()
        (torn / f"n.sqlite3{suffix}").write_bytes(data[:-cut] if suffix else data)
    spool.close()

    survivor = Spool(torn, "n")
    found = survivor.after(0, 1000)
    assert found == [(n, record(f"v{n}")) for n in range(1, len(found) + 1)]
    assert 90 < len(found) < 100
    survivor.append(101, record("goes on"))
    survivor.close()


def test_a_file_that_is_no_spool_is_set_aside_not_deleted(tmp_path: Path) -> None:
    path = tmp_path / "n.sqlite3"
    path.write_bytes(b"this was a spool once " * 500)
    spool = Spool(tmp_path, "n")
    spool.append(1, record("new"))
    assert spool.count == 1
    spool.close()
    (aside,) = tmp_path.glob("*.damaged-*")
    assert aside.read_bytes().startswith(b"this was a spool once")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SpoolUnwritable, match="file"):
        Spool(tmp_path / "file", "n")


def test_a_full_disk_raises_spool_unwritable_and_keeps_no_half_record(
    tmp_path: Path,
) -> None:
    # RLIMIT_FSIZE makes the kernel refuse to let the file grow, as a full disk does.
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from producers.record import Record; from producers.spool import Spool, SpoolUnwritable\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "s = Spool(Path(sys.argv[1]), 'n'); s.append(1, Record('t', b'k', b'kept', []))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "try: s.append_all((i, Record('t', b'k', bytes(50_000), [])) for i in range(2, 10))\n"
        "except SpoolUnwritable: print('unwritable', s.count, s.last)\n"
        "s.append(2, Record('t', b'k', b'small', [])); print(s.count)\n"
    )
    child = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True
    )
    assert child.stdout.split() == ["unwritable", "1", "1", "2"], child.stderr


def test_an_emptied_spool_gives_its_pages_back(tmp_path: Path) -> None:
    spool = Spool(tmp_path, "n")
    rows = [(n, record("x" * 10_000)) for n in range(1, 301)]
    spool.append_all(rows)
    spool.remove_all(rows)
    for _ in range(5):
        spool.trim()
    spool.close()
    assert os.path.getsize(spool.path) < 100_000
