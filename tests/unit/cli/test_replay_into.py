"""What `replay --into` names, and what it refuses before anything is started."""

import json
import os
from pathlib import Path

import pytest

from cli.replay_into import replay_stack
from local.stack import kafka_of
from local.stack_file import stack_file, write_stack
from runtime.settings import BadArgument
from tests.unit.cli.running import ROOT, run

RECORDING = f"freeswitch={ROOT / 'tests' / 'captures' / 'freeswitch' / 'reg_udp.json'}"


@pytest.mark.parametrize(
    ("into", "reason"),
    [
        ("stack", "no stack runs in .rollcall; `rollcall up` starts one"),
        (".", "no stack runs in ."),
        ("gone/stack.json", "no stack runs in gone"),
        ("production", "neither stack, nor the folder or stack.json of a stack, nor HOST:PORT"),
        ("kafka-1:9092,kafka-2", "neither stack"),
        ("", "neither stack"),
    ],
)
def test_what_names_nothing_is_refused(
    into: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadArgument, match=reason), replay_stack(into):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_is_one_line(tmp_path: Path) -> None:
    status, out, err, _ = run(tmp_path, "replay", RECORDING, "--into", "stack")
    assert (status, out) == (1, "")
    assert err == ("rollcall: --into stack: no stack runs in .rollcall; `rollcall up` starts one\n")


@pytest.mark.parametrize("into", ["stack", ".rollcall", ".rollcall/stack.json"])
def test_a_running_stack_is_found(
    into: str, closed_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its Kafka's address, which is asked before anything is written."""
    monkeypatch.chdir(tmp_path)
    kafka = {"bootstrap_servers": closed_address, "namespace": "own."}
    (tmp_path / ".rollcall").mkdir()
    write_stack(tmp_path / ".rollcall", {"pid": os.getpid(), "kafka": kafka, "stages": {}})
    with (
        pytest.raises(Exception, match=f"Kafka at {closed_address} does not answer"),
        replay_stack(into),
    ):
        pass
    document = json.loads(stack_file(tmp_path / ".rollcall").read_text())
    assert kafka_of(document).namespace == "own."
