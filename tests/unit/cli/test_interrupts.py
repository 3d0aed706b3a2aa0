"""Ctrl-C before a command's own work has begun."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli.interrupts import end_at_interrupt, raising_interrupt

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def _as_at_a_terminal() -> Iterator[None]:
    """A shell's background jobs, where the tests may run, ignore SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("imported", ["typer", "runtime.logs"])
def test_while_modules_are_imported_it_ends_the_process_at_once(imported: str) -> None:
    """`-X importtime` prints each module when it is imported: then the signal is sent."""
    command = [sys.executable, "-X", "importtime", "-m", "cli", "replay", "freeswitch=no-file"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert any(line.rstrip().endswith(imported) for line in process.stderr)
        process.send_signal(signal.SIGINT)
        rest = process.stderr.read()
    assert process.returncode == -signal.SIGINT
    assert "Traceback" not in rest


def test_within_a_command_it_is_an_exception() -> None:
    end_at_interrupt()
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    with pytest.raises(KeyboardInterrupt), raising_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL


def test_where_it_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_at_interrupt()
    with raising_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
