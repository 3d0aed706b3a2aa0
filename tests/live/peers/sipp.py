"""Runs one SIPp scenario against a server on loopback, bounded in time."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from local.network import free_port
from tests.live.peers import injecting
from tests.live.peers.injecting import Given
from tests.live.peers.scenarios import Scenario

_RECV_SECONDS = 5
_SECONDS = 120  # the longest of the known suites waits 51 s for contacts to expire
_NOBODY = Given("", "", "")
_STAMP = re.compile(r"^[0-9]{4}-[0-9\-]+\s+[0-9:.]+\s+[0-9.]+:\s*")
_is_complaint = re.compile(
    r"abort|expect|error|unable|failed|refer|unknown|missing|cannot|invalid", re.IGNORECASE
).search


class Run(NamedTuple):
    """SIPp's exit status, and the last thing it complained of."""

    status: int
    complaint: str


def run(scenario: Scenario, source: Path, port: int, given: Given, folder: Path) -> Run:
    """`folder` is the run's own. The scenario's neighbours are there to be read (CSV files)."""
    folder.mkdir(parents=True)
    for neighbour in source.parent.glob("*.csv"):
        shutil.copy(neighbour, folder)
    for name, contents in injecting.files(scenario.text, given).items():
        if not (folder / name).exists():
            (folder / Path(name).name).write_text(contents)
    (folder / "scenario.xml").write_text(scenario.text, "utf-8", "surrogateescape")
    errors = folder / "errors.log"
    command = ["sipp", f"127.0.0.1:{port}", *_options(scenario, given, errors)]
    for csv in _injected(scenario, folder):
        command += ["-inf", csv]
    with (folder / "output").open("wb") as output:
        try:
            status = subprocess.run(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=_SECONDS + 10,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            status = 97
    return Run(status, _complaint(errors) or _complaint(folder / "output"))


def _options(scenario: Scenario, given: Given, errors: Path) -> list[str]:
    options = {
        "-sf": "scenario.xml",
        "-i": "127.0.0.1",
        "-p": str(free_port()),
        "-t": "t1" if scenario.over_tcp else "u1",
        "-s": given.user,
        "-au": given.user,
        "-ap": given.password,
        "-m": "1",
        "-l": "1",
        "-timeout": f"{_SECONDS}s",
        "-recv_timeout": str(_RECV_SECONDS * 1000),
        "-error_file": str(errors),
    }
    keys = [
        part
        for name in sorted(scenario.keys)
        for part in ("-key", name, injecting.key(name, given, ipv6=scenario.over_ipv6))
    ]
    flags = ["-timeout_error", "-nostdin", "-trace_err"]
    return [*flags, *(part for option in options.items() for part in option), *keys]


def _injected(scenario: Scenario, folder: Path) -> list[str]:
    """The CSV files, the one of fields without a file first."""
    own = injecting.main_file(scenario.text)
    named = [name for name in injecting.files(scenario.text, _NOBODY) if name != own]
    neighbours = sorted(
        path.name for path in folder.glob("*.csv") if path.name not in (own, *named)
    )
    first = neighbours[:1] if own and neighbours else [own] if own else []
    return [*first, *named]


def _complaint(log: Path) -> str:
    """The last error, in one line."""
    if not log.exists():
        return ""
    text = log.read_text("utf-8", "replace")
    lines = [_STAMP.sub("", line).strip() for line in text.splitlines()]
    told = [line for line in lines if _is_complaint(line)]
    return told[-1][:200] if told else ""
