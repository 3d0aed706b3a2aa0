"""Folders that are read-only, full, missing or a file, and a disk that fills: one line each."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.integration.rollcall_process import COMMAND, environment

# Mounts of its own, with a user namespace where this is not root: a small disk and a read-only one.
OWN_MOUNTS = ["unshare", "--mount", *([] if os.getuid() == 0 else ["--map-root-user"])]
MOUNT = (
    "mkdir -p full ro && mount -t tmpfs -o size=64k tmpfs full && "
    "(head -c 100000 /dev/zero > full/filler 2>/dev/null || true) && "
    'mount -t tmpfs -o ro tmpfs ro && exec "$@"'
)
SPOOL = {
    "ROLLCALL_OPENSIPS_NODE": "os-1",
    "ROLLCALL_OPENSIPS_LISTEN_DATAGRAM": "127.0.0.1:0",
    "ROLLCALL_OPENSIPS_LISTEN_STREAM": "127.0.0.1:0",
}


def may_mount() -> bool:
    """Whether this machine allows it; containers often do not."""
    if shutil.which("unshare") is None:
        return False
    command = [*OWN_MOUNTS, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def run_on_disks(folder: Path, *arguments: str, **more: str) -> tuple[int, str]:
    """The exit status and the errors of a command that sees the folders `full` and `ro`."""
    (folder / "a-file").touch()
    done = subprocess.run(
        [*OWN_MOUNTS, "sh", "-c", MOUNT, "sh", *COMMAND, *arguments],
        cwd=folder,
        env=environment() | {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"} | more,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stderr


needs_mounts = pytest.mark.skipif(not may_mount(), reason="this machine allows no mounts (unshare)")


@needs_mounts
@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ("up --folder ro", "ro: cannot be written"),
        ("up --folder ro/new", "ro/new: Read-only file system"),
        ("up --folder full", "no space left for "),
        ("up --folder a-file", "a-file: Not a directory"),
        ("up --folder a-file/new", "a-file/new: Not a directory"),
        ("demo --folder full", "no space left for "),
        ("demo --folder ro", "ro/demo: Read-only file system"),
        ("schemas export ro", "ro/rollcall."),
        ("schemas export full", "No space left on device"),
        ("schemas export a-file", "a-file: File exists"),
    ],
)
def test_a_folder_that_cannot_be_used_is_one_line(
    arguments: str, reason: str, tmp_path: Path
) -> None:
    status, errors = run_on_disks(tmp_path, *arguments.split())
    assert status == 1
    assert errors.startswith("rollcall: ")
    assert reason in errors
    assert len(errors.splitlines()) == 1, errors


@needs_mounts
@pytest.mark.parametrize("folder", ["ro/spool", "full/spool", "a-file", "a-file/spool"])
def test_a_spool_that_cannot_be_used_names_its_setting(folder: str, tmp_path: Path) -> None:
    spool = {"ROLLCALL_PUBLISHER_SPOOL_FOLDER": folder}
    status, errors = run_on_disks(tmp_path, "run", "opensips", **SPOOL, **spool)
    assert status == 1
    assert "Traceback" not in errors
    assert errors.splitlines()[-1].startswith(f"rollcall: {folder}")
    assert errors.endswith("(publisher.spool_folder)\n")


@needs_mounts
@pytest.mark.parametrize("folder", ["ro/store", "a-file", "a-file/store"])
def test_a_store_that_cannot_be_used_names_its_setting(folder: str, tmp_path: Path) -> None:
    status, errors = run_on_disks(tmp_path, "run", "clickhouse", ROLLCALL_CLICKHOUSE_FOLDER=folder)
    assert status == 1
    assert "Traceback" not in errors
    last = errors.splitlines()[-1]
    assert last.startswith(f"rollcall: chDB cannot use {folder}: ")
    assert last.endswith(" (clickhouse.folder)")
