"""The first hour of a new user: the demo in a terminal of 80×24, its end, Ctrl-C, a replay."""

import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from dataclasses import dataclass
from fcntl import ioctl
from pathlib import Path

import pytest

from tests.eventually import eventually
from tests.integration.rollcall_process import COMMAND, environment

pytestmark = pytest.mark.timeout(300)

# What a newcomer would have to ignore: librdkafka's lines, log lines, tracebacks.
NOISE = re.compile(
    r"%\d\||Traceback|librdkafka|\bERROR\b|\bWARN|\"level\"|Exception ignored|rdkafka#"
)
# Twice what is promised: the machine is busy with other tests.
CTRL_C_SECONDS = 6.0


@dataclass
class Demo:
    """A demo that has ended: its folder, the folder for temporary files, and what it printed."""

    folder: Path
    temporary: Path
    status: int
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands at its end, to copy."""
        end = self.text.partition("The recordings have ended")[2]
        return [line.strip() for line in end.splitlines() if line.startswith("  ")]


def run_in_terminal(arguments: list[str], folder: Path, temporary: Path) -> tuple[int, str]:
    """The exit status and the output of a command in a terminal of 80×24."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment() | {"TMPDIR": str(temporary), "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    printed = b""
    try:
        while piece := os.read(ours, 65536):
            printed += piece
    except OSError:  # EIO: the other end is closed
        pass
    finally:
        os.close(ours)
    status = process.wait(30)
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", printed.decode()).replace("\r", "")
    return status, text


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder, temporary = tmp_path_factory.mktemp("demo"), tmp_path_factory.mktemp("tmp")
    patched = pytest.MonkeyPatch()
    # A cluster in the settings is not the demo's.
    patched.setenv("ROLLCALL_KAFKA_BOOTSTRAP_SERVERS", "127.0.0.1:1")
    status, text = run_in_terminal(["demo", "--seconds", "5"], folder, temporary)
    patched.undo()
    return Demo(folder, temporary, status, text)


def test_the_demo_ends_well_without_noise(demo: Demo) -> None:
    assert demo.status == 0, demo.text[-3000:]
    assert not NOISE.search(demo.text)
    assert "user center agrees on all 9 users" in demo.text
    assert "last changes" in demo.text
    assert "The recordings have ended" in demo.text


def test_no_line_of_the_board_is_wider_than_the_terminal(demo: Demo) -> None:
    rows = [line for line in demo.text.splitlines() if re.match(r"100\d  ", line)]
    assert rows
    assert max(map(len, rows)) <= 80


def test_the_demo_leaves_nothing_outside_its_folder(demo: Demo) -> None:
    assert list(demo.temporary.iterdir()) == []
    assert [one.name for one in demo.folder.iterdir()] == [".rollcall"]
    assert running_in(demo.folder) == []


def test_the_commands_at_the_end_work_when_copied(demo: Demo) -> None:
    assert len(demo.commands) == 3
    expected = ("9 users of sip.example.test", "Evidence: ", "NORMAL_CLEARING")
    for command, text in zip(demo.commands, expected, strict=True):
        done = subprocess.run(
            command,
            shell=True,
            cwd=demo.folder,
            env=environment() | {"TMPDIR": str(demo.temporary)},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert text in done.stdout
        assert not NOISE.search(done.stderr)
    assert running_in(demo.folder) == []


@pytest.mark.parametrize("after", ["formatting", "starting Kafka", "starting gateway", "playing"])
def test_ctrl_c_ends_the_demo_in_time_and_leaves_nothing(after: str, tmp_path: Path) -> None:
    out, temporary = tmp_path / "out", tmp_path / "tmp"
    temporary.mkdir()
    with out.open("w") as file:
        process = subprocess.Popen(
            [*COMMAND, "demo", "--seconds", "30"],
            cwd=tmp_path,
            env=environment() | {"TMPDIR": str(temporary)},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        eventually(lambda: after in out.read_text(), 120, what=after)
        began = time.monotonic()
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 130
        assert time.monotonic() - began < CTRL_C_SECONDS
    finally:
        process.kill()
        process.wait()
    assert out.read_text().endswith("stopping…\n")
    assert not NOISE.search(out.read_text())
    assert list(temporary.iterdir()) == []
    assert running_in(tmp_path) == []


def test_a_replay_names_its_kafka_and_prints_again_when_repeated(tmp_path: Path) -> None:
    """Whatever cluster the settings name: it is not asked."""
    recording = Path(__file__).parents[1] / "captures" / "freeswitch" / "reg_blind.json"
    printed = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-m", "cli", "replay", f"freeswitch={recording}"],
            cwd=tmp_path,
            env=environment() | {"ROLLCALL_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        assert "replaying into a temporary Kafka of its own" in done.stderr
        assert not NOISE.search(done.stderr)
        printed.append(sorted(line[12:] for line in done.stdout.splitlines()))
    assert printed[0] == printed[1] != []


def running_in(folder: Path) -> list[str]:
    """The command lines of processes with this folder in their working folder or environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            inside = (process / "cwd").resolve().is_relative_to(folder)
        except OSError:
            continue
        if inside or f"{folder}/.rollcall".encode() in given:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found
