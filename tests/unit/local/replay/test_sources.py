"""`KIND=FILE` arguments: which recordings of which nodes, and what is refused."""

from pathlib import Path

import pytest

from local.replay.sources import parse_sources
from runtime.settings import BadArgument


@pytest.fixture
def recordings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    for name in ("berlin.json", "madrid.json"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return ["freeswitch=berlin.json", "freeswitch=madrid.json"]


def test_single_source_keeps_the_servers_own_name(recordings: list[str]) -> None:
    assert [source.node for source in parse_sources(recordings[:1], [])] == [None]


def test_several_sources_are_named_after_their_files(recordings: list[str]) -> None:
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
        ("freeswitch=A.esl.json mrcp=A.mrcp", "", "A-freeswitch A-mrcp"),
        ("kamailio=A.jsonl rtpengine=A.ng.jsonl", "", "A-kamailio A-rtpengine"),
        (
            "kamailio=A.jsonl freeswitch=A.fs.json sockets=A.sockets.jsonl",
            "",
            "A-kamailio A-freeswitch A-kamailio",
        ),
        ("opensips=A.datagram sockets=B.sockets.jsonl", "os kernel", "os kernel"),
    ],
)
def test_kernel_recording_is_of_the_server_of_its_scene(
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
def test_unusable_argument_is_refused(arguments: list[str], nodes: list[str]) -> None:
    with pytest.raises(BadArgument):
        parse_sources(arguments, nodes)
