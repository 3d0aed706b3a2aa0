"""The `rollcall` command line: users as arguments, unknown stages, and a quick start."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.command import app
from cli.console import canonical
from cli.run import MODULES
from schemas.sip_uri import MalformedUri

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "text", ["1001@Example.TEST", "sip:1001@example.test", "SIP:1001@example.test"]
)
def test_user_is_named_with_or_without_scheme(text: str) -> None:
    assert canonical(text) == "sip:1001@example.test"


def test_user_without_host_is_refused() -> None:
    with pytest.raises(MalformedUri):
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
