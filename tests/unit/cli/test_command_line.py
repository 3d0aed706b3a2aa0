"""The `rollcall` command line: users as arguments, unknown stages, and a quick start."""

import re
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.command import app
from cli.console import canonical
from cli.kafka import reachable_kafka
from cli.run import MODULES
from runtime.kafka import KafkaSettings, KafkaUnavailable
from runtime.settings import BadArgument
from tests.unit.cli.running import ROOT, run


@pytest.mark.parametrize(
    "text", ["1001@Example.TEST", "sip:1001@example.test", "SIP:1001@example.test"]
)
def test_user_is_named_with_or_without_scheme(text: str) -> None:
    assert canonical(text) == "sip:1001@example.test"


def test_user_without_host_is_refused() -> None:
    with pytest.raises(BadArgument, match=r"^'1001' is no user@domain: "):
        canonical("1001")


def test_unknown_stage_is_refused_with_the_list_of_stages() -> None:
    result = CliRunner().invoke(app, ["run", "strems"])
    assert result.exit_code == 1
    assert all(stage in result.output for stage in MODULES)


def test_command_line_starts_without_heavy_libraries() -> None:
    code = (
        "import sys, cli.command\n"
        "heavy = {'confluent_kafka', 'faust', 'chdb', 'gevent', 'sqlalchemy', 'httpx'}\n"
        "print(*sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""


COMMANDS = [
    *("up", "demo", "run", "watch", "who", "explain", "audit", "replay", "sockets", "topics"),
    *("doctor", "query", "schemas export"),
]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_has_examples_and_explains_arguments(command: str, flag: str) -> None:
    result = CliRunner().invoke(app, [*command.split(), flag], env={"COLUMNS": "80"})
    assert result.exit_code == 0
    _, _, examples = result.output.partition("Examples:")
    assert f"rollcall {command}" in examples
    for line in result.output.splitlines():
        assert len(line) <= 80
        # An argument or option without help ends after its type.
        assert not re.fullmatch(r"│\W+[\w-]+( +-\w)? +<\w+> *│", line), line


def test_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.output) == (0, f"rollcall {version('rollcall')}\n")


@pytest.mark.parametrize("command", ["who", "explain", "watch"])
def test_a_wrong_user_is_quoted_before_anything_is_asked(command: str, tmp_path: Path) -> None:
    assert run(tmp_path, command, "1001 @x")[:3] == (
        1,
        "",
        "rollcall: '1001 @x' is no user@domain: white space, control character or bracket in URI\n",
    )


@pytest.mark.parametrize("own", [True, False])
def test_without_a_stack_the_way_to_one_is_named(
    own: bool, closed_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not where the user has named a Kafka: a stack would not be that."""
    monkeypatch.chdir(tmp_path)
    if own:
        monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", closed_address)
    else:
        default = KafkaSettings.model_fields["bootstrap_servers"]
        monkeypatch.setattr(default, "default", closed_address)
        KafkaSettings.model_rebuild(force=True)
    try:
        with pytest.raises(KafkaUnavailable, match=f"Kafka at {closed_address}") as caught:
            reachable_kafka()
    finally:
        monkeypatch.undo()
        KafkaSettings.model_rebuild(force=True)
    assert ("rollcall up" in str(caught.value)) != own


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("demo", "--seconds", "0"), "--seconds"),
        (("demo", "--folder", "a-file"), "a-file"),
        (("up", "--folder", "a-file"), "a-file"),
        (("schemas", "export", "a-file"), "a-file"),
    ],
)
def test_a_wrong_value_is_named_without_a_traceback(
    arguments: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    (tmp_path / "a-file").touch()
    status, _, err, _ = run(tmp_path, *arguments)
    assert status in (1, 2)
    assert message in err
    assert "Traceback" not in err


def test_a_wrong_log_level_is_one_line(tmp_path: Path) -> None:
    status, out, err, _ = run(tmp_path, "who", ROLLCALL_LOG_LEVEL="chatty")
    assert (status, out) == (1, "")
    assert err.startswith("rollcall: ROLLCALL_LOG_LEVEL='CHATTY' is no level: one of ")
