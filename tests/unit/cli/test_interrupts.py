"""Ctrl-C before a command's own work has begun."""

import signal
import subprocess
import sys
import threading
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


class _Interrupting:
    """Its finalizer gets the signal, and loses the exception."""

    def __del__(self) -> None:
        signal.raise_signal(signal.SIGINT)


def test_lost_in_a_finalizer_it_is_raised_again(capsys: pytest.CaptureFixture[str]) -> None:
    end_at_interrupt()
    before = sys.unraisablehook

    def lose_it() -> None:
        _Interrupting()
        threading.Event().wait(10)

    with pytest.raises(KeyboardInterrupt), raising_interrupt():
        lose_it()
    assert sys.unraisablehook is before
    assert "Traceback" not in capsys.readouterr().err


def test_handled_within_code_run_by_exec_the_process_ends_with_its_own_status(
    tmp_path: Path,
) -> None:
    """As where dataclasses are made while a module is imported late."""
    (tmp_path / "interrupted.py").write_text(
        "import sys\n"
        "from cli.interrupts import end_at_interrupt, raising_interrupt\n"
        "end_at_interrupt()\n"
        "try:\n"
        "    with raising_interrupt():\n"
        "        exec('import signal; signal.raise_signal(signal.SIGINT)')\n"
        "except KeyboardInterrupt:\n"
        "    sys.exit(130)\n"
    )
    command = [sys.executable, "-m", "interrupted"]
    environment = {"PYTHONPATH": f"{ROOT}:{tmp_path}"}
    assert subprocess.run(command, env=environment, check=False).returncode == 130


def test_where_it_is_ignored_it_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_at_interrupt()
    with raising_interrupt():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
