"""Usual ports, where several stacks start on one machine."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import network

ROOT = Path(__file__).parents[3]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[int]:
    """Free, and claimed by nobody."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    with (tmp_path / f"rollcall-{os.getuid()}-ports.lock").open("w") as claims:
        monkeypatch.setattr(network, "_claims", lambda: claims)
        yield network.free_port()


def of_another_process(port: int) -> int:
    """What another process, which ends at once, is given."""
    code = f"from local.network import usual_port; print(usual_port({port}))"
    return int(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))


def test_a_free_port_is_taken_and_taken_again(port: int) -> None:
    assert [network.usual_port(port), network.usual_port(port)] == [port, port]


def test_what_another_listens_on_is_not_taken(port: int) -> None:
    with socket.create_server((network.HOST, port)):
        assert network.usual_port(port) != port


def test_what_another_was_given_and_does_not_listen_on_yet_is_not_taken(port: int) -> None:
    assert of_another_process(port) == port
    assert network.usual_port(port) == port  # the other one has ended
    assert of_another_process(port) != port
