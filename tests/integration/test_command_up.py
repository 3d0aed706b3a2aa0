"""`rollcall up` in an empty folder: watch and who during a replay, Ctrl-C, and a second start."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.stack_folder import stop_orphans
from tests.capture_truth import CAPTURES, EXPECTED
from tests.eventually import eventually
from tests.integration.rollcall_process import COMMAND, Up, environment, rollcall
from tests.replaying import changes, lines

pytestmark = pytest.mark.timeout(300)
INTO = ("--into", "stack")


@contextmanager
def watching(folder: Path) -> Iterator[Path]:
    """`rollcall watch --json` of all users; the file it writes to."""
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


def _nodes_in_store(folder: Path) -> set[str]:
    """The nodes whose events the running sink has stored, by its own answer."""
    return {row["node"] for row in lines(rollcall("query", "nodes", "--json", folder=folder))}


def test_stack_is_watched_queried_stopped_and_started_again(tmp_path: Path) -> None:
    file = tmp_path / ".rollcall" / "stack.json"
    one, two = (f"freeswitch={CAPTURES / name}.json" for name in ("reg_blind", "restart_after"))
    with Up(tmp_path) as up:
        with watching(tmp_path) as out:
            # Only a received change shows that it has started to read.
            lines(rollcall("replay", one, "--node", "fs-0", *INTO, "--json", folder=tmp_path))
            eventually(
                lambda: _received(out) or _replay_another_node(tmp_path),
                60,
                what="watch receives changes",
            )
            before = len(_received(out))
            printed = lines(rollcall("replay", two, *INTO, "--json", folder=tmp_path))
            eventually(
                lambda: len(_received(out)) >= before + len(printed),
                30,
                what="all changes received",
            )
            assert sorted(map(str, _received(out)[before:])) == sorted(map(str, printed))
        assert changes(printed) == EXPECTED["restart_after"]
        who = lines(rollcall("who", "--json", folder=tmp_path))
        assert {"1001", "1002"} <= set(changes(who))
        eventually(lambda: "fs-0" in _nodes_in_store(tmp_path), 30, what="the sink answers")
        assert not list(tmp_path.glob("*spool*")), "a replay leaves nothing in the user's folder"

        second = rollcall("up", folder=tmp_path)
        assert second.returncode == 1
        assert f"(pid {up.process.pid}); stop it first" in second.stderr
        assert len(second.stderr.splitlines()) == 1
        assert (
            rollcall("who", "--json", folder=tmp_path).returncode == 0
        )  # the first stack still works

        assert up.stop() == 0
        assert up.left() == set()
        assert not file.exists()

        # As after a power failure: the file names processes that no longer exist.
        file.write_text(json.dumps({"pid": up.process.pid, "kafka": {}, "stages": {}}))
        up.start()
        assert lines(rollcall("who", "--json", folder=tmp_path)) == who
        assert up.stop() == 0
        assert up.left() == set()
        assert not file.exists()


def _received(out: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.read_text().splitlines(True) if line.endswith("\n")]


_numbers = iter(range(1, 1000))


def _replay_another_node(folder: Path) -> bool:
    """Make another change, on a node not played before; whether it is received shows later."""
    capture = f"freeswitch={CAPTURES / 'reg_blind'}.json"
    rollcall("replay", capture, "--node", f"fs-{next(_numbers)}", *INTO, folder=folder)
    return False


@pytest.mark.parametrize(
    "after", ["formatting", "starting Kafka", "starting streams", "starting user-center"]
)
def test_ctrl_c_during_the_start_leaves_nothing(after: str, tmp_path: Path) -> None:
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
        # Like a terminal, to the whole foreground group.
        os.killpg(process.pid, signal.SIGINT)
        # Python may also end by the signal itself, after everything was handled.
        assert process.wait(60) in (130, -signal.SIGINT)
    finally:
        process.kill()
        process.wait()
        # What a failure leaves would join the Kafka of the next stack at the usual port.
        stop_orphans(tmp_path / ".rollcall", print)
    assert "Traceback" not in out.read_text()
    assert not (tmp_path / ".rollcall" / "stack.json").exists()
    assert _running_in(tmp_path) == []


def _running_in(folder: Path) -> list[str]:
    """Command lines of processes with this working folder, or with it in their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            given = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            inside = (process / "cwd").resolve().is_relative_to(folder)
        except OSError:
            continue
        if inside or str(folder).encode() + b"/.rollcall" in given:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found
