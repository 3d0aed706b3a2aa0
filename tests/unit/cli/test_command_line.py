"""The `rollcall` command line: what it accepts, what it says, and that it starts quickly."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.command import app
from cli.console import canonical
from cli.run import MODULES
from local.replay.sources import parse_sources
from runtime.settings import BadArgument
from schemas.sip_uri import MalformedUri

ROOT = Path(__file__).parents[3]


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("berlin.json", "madrid.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return ["freeswitch=berlin.json", "freeswitch=madrid.json"]


def test_a_single_source_keeps_the_switchs_own_name(recordings: list[str]) -> None:
    assert [source.node for source in parse_sources(recordings[:1], [])] == [None]


def test_several_sources_are_named_after_their_files_unless_named(recordings: list[str]) -> None:
    assert [source.node for source in parse_sources(recordings, [])] == ["berlin", "madrid"]
    assert [source.node for source in parse_sources(recordings, ["fs-1"])] == ["fs-1", "madrid"]


@pytest.mark.parametrize(
    ("arguments", "given", "nodes"),
    [
        ("freeswitch=A.fs.json opensips=A.datagram", "", "A-freeswitch A-opensips"),
        (
            "freeswitch=A.fs.json opensips=A.datagram sockets=A.sockets.jsonl",
            "",
            "A-freeswitch A-opensips A-opensips",
        ),
        ("sockets=A.sockets.jsonl freeswitch=A.fs.json", "", "A-freeswitch A-freeswitch"),
        (
            "freeswitch=A.fs.json opensips=A.datagram sockets=A.sockets.jsonl",
            "fs edge",
            "fs edge edge",
        ),
        ("opensips=A.datagram sockets=B.sockets.jsonl", "", "A A"),
        ("kamailio=A.jsonl rtpengine=A.ng.jsonl", "", "A-kamailio A-rtpengine"),
        (
            "kamailio=A.jsonl freeswitch=A.fs.json sockets=A.sockets.jsonl",
            "",
            "A-kamailio A-freeswitch A-kamailio",
        ),
        ("opensips=A.datagram sockets=B.sockets.jsonl", "os kernel", "os kernel"),
    ],
)
def test_the_sources_of_one_scene_are_two_nodes_and_one_of_their_kernels(
    arguments: str, given: str, nodes: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for argument in arguments.split():
        Path(argument.partition("=")[2]).touch()
    found = parse_sources(arguments.split(), given.split())
    assert [source.node for source in found] == nodes.split()


@pytest.mark.parametrize(
    ("arguments", "nodes"),
    [
        (["freeswitch=missing.json"], []),
        (["berlin.json"], []),
        (["asterisk=berlin.json"], []),
        (["freeswitch=berlin.json"], ["a", "b"]),
    ],
)
@pytest.mark.usefixtures("recordings")
def test_what_cannot_be_played_is_refused(arguments: list[str], nodes: list[str]) -> None:
    with pytest.raises(BadArgument):
        parse_sources(arguments, nodes)


@pytest.mark.parametrize(
    "text", ["1001@Example.TEST", "sip:1001@example.test", "SIP:1001@example.test"]
)
def test_users_may_be_named_with_or_without_the_scheme(text: str) -> None:
    assert canonical(text) == "sip:1001@example.test"


def test_a_name_without_a_host_is_no_user() -> None:
    with pytest.raises(MalformedUri):
        canonical("1001")


def test_an_unknown_stage_is_refused_with_the_ones_there_are() -> None:
    result = CliRunner().invoke(app, ["run", "strems"])
    assert result.exit_code == 1
    assert all(stage in result.output for stage in MODULES)


def test_the_command_line_starts_without_the_heavy_libraries() -> None:
    code = (
        "import sys, cli.command\n"
        "heavy = {'confluent_kafka', 'faust', 'chdb', 'gevent', 'sqlalchemy', 'httpx'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
