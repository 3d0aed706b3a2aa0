"""The commands at the end of the demo, to copy."""

import shlex
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.next_commands import next_commands
from schemas.presence import Presence
from schemas.vocabulary import Cause, Status

PROGRAM = ".venv/bin/rollcall"


def presence(name: str, *, reachable: bool) -> Presence:
    return Presence(
        aor=f"sip:{name}@example.test",
        version=1,
        status=Status.ONLINE if reachable else Status.OFFLINE,
        reachable=reachable,
        cause=Cause.REGISTERED if reachable else Cause.EXPIRED,
        at=datetime(2026, 1, 1, tzinfo=UTC),
        bindings=[],
        calls=[],
        evidence=[],
    )


def test_they_name_the_folder_and_a_user_who_is_not_reachable(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "rollcall").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / PROGRAM)])
    users = [presence("1001", reachable=True), presence("1'2", reachable=False)]
    who, explain, query = map(shlex.split, next_commands(Path("a folder/demo"), users))
    assert who == [PROGRAM, "who", "--folder", "a folder/demo"]
    assert explain == [PROGRAM, "explain", "1'2@example.test", "--folder", "a folder/demo"]
    assert query == [PROGRAM, "query", "calls", "--folder", "a folder/demo"]


def test_without_users_there_is_none_to_explain() -> None:
    who, query = map(shlex.split, next_commands(Path("demo"), []))
    assert (who[-3], query[-4]) == ("who", "query")
