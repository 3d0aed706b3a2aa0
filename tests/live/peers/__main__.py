"""`python -m tests.live.peers FOLDER --server kamailio|opensips|freeswitch [--only NAME]`

Runs the SIPp scenarios below FOLDER that register, each against a live server with Rollcall
attached; the last line is JSON. The folder is another project's suite, fetched by whoever runs
this. OpenSIPS and FreeSWITCH are yours: on PATH, or named by ROLLCALL_TEST_OPENSIPS and
ROLLCALL_TEST_FREESWITCH.
"""

import argparse
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import pytest

from local.kafka import EmbeddedKafka
from local.network import free_port
from tests.integration.conftest import own_topics
from tests.integration.sip_client import DOMAIN, PASSWORD
from tests.live.peers import injecting, scenarios, sipp
from tests.live.peers.attached import KINDS, Attached, unexplained
from tests.live.peers.injecting import Given
from tests.live.peers.outcome import Outcome, Verdict, judge, summary
from tests.live.peers.scenarios import Scenario


class Found:
    """A scenario of the suite, by its place in it."""

    def __init__(self, suite: Path, path: Path, number: int) -> None:
        text = path.read_text("utf-8", "surrogateescape")
        self.path = path
        self.name = str(path.relative_to(suite))
        self.scenario: Scenario = scenarios.read(text, self.name)
        self.given = Given(_argument(suite, path, "-s") or f"peer{number}", PASSWORD, DOMAIN)
        self.port = int(_argument(suite, path, "-p") or 0)
        self.users = injecting.users(text, self.given)


def main() -> int:
    arguments = _arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # servers and stages end with it
    if not sipp.is_there():
        sys.exit("needs SIPp: apt-get install sip-tester")
    suite: Path = arguments.folder.resolve()
    found = list(_discover(suite, arguments.only))
    outcomes = [
        Outcome(one.name, Verdict.SKIPPED, one.scenario.skipped)
        for one in found
        if one.scenario.skipped
    ]
    with _broker() as broker:
        for challenges in (False, True):
            chosen = [
                one
                for one in found
                if not one.scenario.skipped and one.scenario.challenged is challenges
            ]
            if chosen:
                outcomes += _run(arguments.server, broker, chosen, challenges=challenges)
    for outcome in sorted(outcomes):
        _say(f"{outcome.verdict:8} {outcome.name}  {outcome.detail}".rstrip())
    _say(summary(suite.name, arguments.server, outcomes))
    return int(any(outcome.verdict is Verdict.WRONG for outcome in outcomes))


def _run(kind: str, broker: str, found: list[Found], *, challenges: bool) -> Iterator[Outcome]:
    """One after the other at one server; a server or stage that has ended is started anew."""
    users = {name for one in found for name in (*one.users, *one.scenario.users)}
    left = list(found)
    while left:
        with tempfile.TemporaryDirectory(prefix="peers-") as folder, own_topics(broker) as kafka:
            attached = Attached(kind, kafka, Path(folder), sorted(users), challenges=challenges)
            try:
                while left and not attached.ended():
                    one = left.pop(0)
                    yield _outcome(one, attached, Path(folder) / "sipp" / str(len(left)))
            finally:
                attached.stop()


def _outcome(one: Found, attached: Attached, folder: Path) -> Outcome:
    ports = sipp.Ports(attached.port, one.port)
    run = sipp.run(one.scenario, one.path, ports, one.given, folder)
    wrong = attached.disagreements() + attached.ended()
    wrong += [
        f"dead letter: {letter.reason}" for letter in attached.dead_letters() if unexplained(letter)
    ]
    attached.clear()
    outcome = judge(one.name, **run._asdict(), wrong=wrong)
    cut = " (cut before another party's part)" if one.scenario.cut else ""
    _say(f"  {outcome.verdict:8} {one.name}{cut} [{attached.bindings} bindings]", to=sys.stderr)
    for line in wrong:
        _say(f"    {line}", to=sys.stderr)
    return outcome._replace(detail=outcome.detail + cut)


def _discover(suite: Path, only: str | None) -> Iterator[Found]:
    for number, path in enumerate(sorted(suite.rglob("*.xml")), 1):
        if not path.is_file() or (only and only not in str(path.relative_to(suite))):
            continue
        if scenarios.registers(path.read_text("utf-8", "surrogateescape")):
            yield Found(suite, path, number)


def _argument(suite: Path, path: Path, option: str) -> str | None:
    """What the suite's own configuration, in this folder or above it, runs the scenario with."""
    for folder in path.parents:
        for configuration in sorted((*folder.glob("*.yaml"), *folder.glob("*.yml"))):
            text = configuration.read_text("utf-8", "replace")
            if found := injecting.argument(text, path.name, option):
                return found
        if folder == suite:
            return None
    return None


@contextmanager
def _broker() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="peers-kafka-") as folder:
        kafka = EmbeddedKafka(Path(folder))
        kafka.start(free_port())
        try:
            yield kafka.bootstrap_servers
        finally:
            kafka.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.live.peers", description=__doc__)
    parser.add_argument("folder", type=Path, help="a suite of SIPp scenarios")
    parser.add_argument("--server", choices=KINDS, required=True)
    parser.add_argument("--only", metavar="NAME", help="scenarios whose place holds this text")
    found = parser.parse_args()
    if not found.folder.is_dir():
        parser.error(f"{found.folder} is no folder")
    return found


def _say(text: str, *, to: TextIO | None = None) -> None:
    print(text, file=to or sys.stdout, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except pytest.skip.Exception as missing:  # the server, or SIPp, is not there
        sys.exit(str(missing))
