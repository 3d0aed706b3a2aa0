"""Runs one SIPp scenario against a server on loopback, bounded in time."""

import re
import shutil
import socket
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
_CREATED = re.compile(r"Total Calls? created\s*\|\s*\|\s*([0-9]+)")
_STAMP = re.compile(r"^[0-9]{4}-[0-9\-]+\s+[0-9:.]+\s+[0-9.]+:\s*")


def is_there() -> bool:
    return shutil.which("sipp") is not None


class Ports(NamedTuple):
    """`own` is the one the suite gives SIPp, 0 for any."""

    server: int
    own: int


class Run(NamedTuple):
    """SIPp's exit status, how many calls it made, and the first thing it complained of."""

    status: int
    calls: int
    complaint: str


def run(scenario: Scenario, source: Path, ports: Ports, given: Given, folder: Path) -> Run:
    """`folder` is the run's own. The scenario's neighbours are there to be read (CSV files)."""
    folder.mkdir(parents=True)
    for neighbour in source.parent.glob("*.csv"):
        if neighbour.is_file():
            shutil.copy(neighbour, folder)
    for name, contents in injecting.files(scenario.text, given).items():
        place = folder / name
        if place.resolve().is_relative_to(folder.resolve()) and not place.exists():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(contents)
    (folder / "scenario.xml").write_text(scenario.text, "utf-8", "surrogateescape")
    errors = folder / "errors.log"
    command = [
        "sipp",
        f"127.0.0.1:{ports.server}",
        *_options(scenario, _free(ports.own), given, errors),
    ]
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
    screen = folder / "output"
    return Run(status, _calls(screen), _complaint(errors) or _complaint(screen))


def _options(scenario: Scenario, port: int, given: Given, errors: Path) -> list[str]:
    options = {
        "-sf": "scenario.xml",
        "-i": "127.0.0.1",
        "-p": str(port),
        "-t": "t1" if scenario.over_tcp else "u1",
        "-s": given.user,
        "-au": given.user,
        "-ap": given.password,
        "-default_behaviors": "all,-bye",  # to a REGISTER that went wrong
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


def _free(port: int) -> int:
    """The port where nobody has it, else another."""
    with socket.socket() as probe:
        if not 1024 <= port <= 65535 or not probe.connect_ex(("127.0.0.1", port)):
            return free_port()
    with socket.socket(type=socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return free_port()
    return port


def _injected(scenario: Scenario, folder: Path) -> list[str]:
    """The CSV files, the one of fields without a file first."""
    own = injecting.main_file(scenario.text)
    named = [name for name in injecting.files(scenario.text, _NOBODY) if name != own]
    neighbours = sorted(
        path.name for path in folder.glob("*.csv") if path.name not in (own, *named)
    )
    first = neighbours[:1] if own and neighbours else [own] if own else []
    return [*first, *named]


def _calls(screen: Path) -> int:
    """As SIPp's last screen has them."""
    found = _CREATED.findall(screen.read_text("utf-8", "replace"))
    return int(found[-1]) if found else 0


def _complaint(log: Path) -> str:
    """The first error, in one line."""
    if not log.exists():
        return ""
    text = log.read_text("utf-8", "replace")
    told = [_STAMP.sub("", line).strip() for line in text.splitlines() if _STAMP.match(line)]
    return told[0][:200] if told else ""
