"""`rollcall up` in an empty folder: watch and who while a replay runs, Ctrl-C, and up again."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.capture_truth import CAPTURES, EXPECTED
from tests.eventually import eventually
from tests.integration.rollcall_process import COMMAND, Up, environment, rollcall
from tests.replaying import changes, lines

pytestmark = pytest.mark.timeout(300)


@contextmanager
def watching(folder: Path) -> Iterator[Path]:
    """`rollcall watch --json` of everyone; the file it writes to."""
    out = folder / "watch.jsonl"
    with out.open("w") as file:
        process = subprocess.Popen(
            [*COMMAND, "watch", "--json"], cwd=folder, env=environment(), stdout=file
        )
    try:
        yield out
        process.send_signal(signal.SIGINT)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def test_the_stack_is_watched_asked_stopped_and_started_again(tmp_path: Path) -> None:
    file = tmp_path / ".rollcall" / "stack.json"
    one, two = (f"freeswitch={CAPTURES / name}.json" for name in ("reg_blind", "restart_after"))
    with Up(tmp_path) as up:
        with watching(tmp_path) as out:
            # Whether it listens already, only what it hears can tell.
            lines(rollcall("replay", one, "--node", "fs-0", "--json", folder=tmp_path))
            eventually(lambda: _heard(out) or _nudge(tmp_path), 60, what="watch hears")
            before = len(_heard(out))
            printed = lines(rollcall("replay", two, "--json", folder=tmp_path))
            eventually(lambda: len(_heard(out)) >= before + len(printed), 30, what="all heard")
            assert sorted(map(str, _heard(out)[before:])) == sorted(map(str, printed))
        assert changes(printed) == EXPECTED["restart_after"]
        who = lines(rollcall("who", "--json", folder=tmp_path))
        assert {"1001", "1002"} <= set(changes(who))
        assert not list(tmp_path.glob("*spool*")), "a replay leaves nothing in the user's folder"

        second = rollcall("up", folder=tmp_path)
        assert second.returncode == 1
        assert f"(pid {up.process.pid}); stop it first" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert rollcall("who", "--json", folder=tmp_path).returncode == 0  # it harmed nothing

        assert up.stop() == 0
        assert up.left() == set()
        assert not file.exists()

        # What a machine that lost its power leaves: a file that names processes long gone.
        file.write_text(json.dumps({"pid": up.process.pid, "kafka": {}, "stages": {}}))
        up.start()
        assert lines(rollcall("who", "--json", folder=tmp_path)) == who
        assert up.stop() == 0
        assert up.left() == set()
        assert not file.exists()


def _heard(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text().splitlines(True) if line.endswith("\n")]


_nudges = iter(range(1, 1000))


def _nudge(folder: Path) -> bool:
    """Another change, of a node not played before. False: whether it was heard is yet to show."""
    capture = f"freeswitch={CAPTURES / 'reg_blind'}.json"
    rollcall("replay", capture, "--node", f"fs-{next(_nudges)}", folder=folder)
    return False


@pytest.mark.parametrize(
    "after", ["formatting", "starting Kafka", "starting streams", "starting user-center"]
)
def test_ctrl_c_while_it_starts_leaves_nothing(after: str, tmp_path: Path) -> None:
    out = tmp_path / "up.log"
    with out.open("w") as file:
        process = subprocess.Popen(
            [*COMMAND, "up"],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            start_new_session=True,
        )
    try:
        eventually(lambda: after in out.read_text(), 60, what=after)
        # As a terminal does: to the whole foreground group.
        os.killpg(process.pid, signal.SIGINT)
        # Python itself dies of the signal when it hit at certain moments, though all was handled.
        assert process.wait(60) in (130, -signal.SIGINT)
    finally:
        process.kill()
        process.wait()
    assert "Traceback" not in out.read_text()
    assert not (tmp_path / ".rollcall" / "stack.json").exists()
    assert _running_in(tmp_path) == []


def _running_in(folder: Path) -> list[str]:
    """Command lines of processes that work in a folder or were told of it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            inside = (process / "cwd").resolve().is_relative_to(folder)
        except OSError:
            continue
        if inside or str(folder).encode() + b"/.rollcall" in told:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found
