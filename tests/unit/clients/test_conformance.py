"""The reference clients against gateways that fail in every way; and a client that does all wrong.

Each scenario runs the client as a process, all at a time: they mostly wait.
"""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from clients.conformance import client
from clients.conformance.report import Check, Failed, Skipped, report

FOLDER = Path(client.__file__).parents[1]
PYTHON = [sys.executable, str(FOLDER / "python" / "presence_client.py")]
JAVASCRIPT = ["node", str(FOLDER / "javascript" / "presence-client.mjs")]
# It prints what it gets, whatever it is, and reconnects at once with nothing.
NAIVE = """
import json, sys, time
from urllib.request import urlopen
while True:
    try:
        for line in urlopen(f"{sys.argv[1]}/presence?{sys.argv[2]}", timeout=5):
            if line.startswith(b"data: {"):
                record = json.loads(line[6:])
                print(json.dumps({"aor": record.get("aor", ""), "record": record}), flush=True)
    except Exception as error:
        time.sleep(0.01)
"""


def failures(command: list[str], names: list[str] | None = None) -> dict[str, str]:
    """By name of the check, what was wrong."""

    def outcome(check: Check) -> tuple[str, str]:
        try:
            check.run()
        except Failed as error:
            return check.name, str(error)
        return check.name, ""

    wanted = [one for one in client.checks(command) if names is None or one.name in names]
    with ThreadPoolExecutor(4) as pool:
        return {name: error for name, error in pool.map(outcome, wanted) if error}


def test_the_python_client_keeps_the_protocol() -> None:
    assert failures(PYTHON) == {}


@pytest.mark.skipif(shutil.which("node") is None, reason="no node: apt-get install nodejs")
def test_the_javascript_client_keeps_the_protocol() -> None:
    assert failures(JAVASCRIPT) == {}


def test_a_naive_client_fails() -> None:
    names = [
        "resumes with its last cursor, each change once",
        "takes nothing of a state that was cut before `live`",
        "waits as long as Retry-After names",
    ]
    assert [*failures([sys.executable, "-c", NAIVE], names)] == names


@pytest.mark.parametrize("path", [PYTHON[1], JAVASCRIPT[1]])
def test_a_client_is_small(path: str) -> None:
    assert len(Path(path).read_text().splitlines()) <= 300


def test_the_report_counts_and_names_what_failed(capsys: pytest.CaptureFixture[str]) -> None:
    def fails() -> None:
        raise Failed("no record came")

    def skips() -> None:
        raise Skipped("needs --kafka")

    checks = [Check("one", lambda: None), Check("two", fails), Check("three", skips)]
    assert report(checks) == 1
    assert capsys.readouterr().out.splitlines() == [
        "ok    one",
        "FAIL  two: no record came",
        "skip  three: needs --kafka",
        "1 passed, 1 failed, 1 skipped",
    ]


def test_the_command_needs_what_to_check() -> None:
    command = [sys.executable, "-m", "clients.conformance", "gateway"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert found.returncode == 2
    assert "url" in found.stderr
