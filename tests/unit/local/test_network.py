"""The usual ports, while several stacks start on one machine."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import network

ROOT = Path(__file__).parents[3]


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A port that is free, and not claimed after the test."""
    claims: dict[int, int] = {}
    monkeypatch.setattr(network, "_claims", claims)
    yield network.free_port()
    for claim in claims.values():
        os.close(claim)


def of_another_process(port: int) -> int:
    """The port that another process gets, which ends at once."""
    code = f"from local.network import usual_port; print(usual_port({port}, 'it', id))"
    return int(subprocess.check_output([sys.executable, "-c", code], cwd=ROOT))


def test_a_free_port_is_none_that_outgoing_connections_get(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    outgoing = tmp_path / "range"
    monkeypatch.setattr(network, "_OUTGOING", outgoing)
    outgoing.write_text("10100\t60999\n")
    found = {network.free_port() for _ in range(50)}
    assert len(found) > 1
    assert all(10_000 <= port < 10_100 for port in found)
    with socket.create_server((network.HOST, 10_000)):
        outgoing.write_text("10000\t60999\n")
        assert network.free_port() > 10_000  # where all are outgoing, one of them
    for none in ("", "0\t0\n"):
        outgoing.write_text(none)
        assert len({network.free_port() for _ in range(20)}) > 1
    outgoing.unlink()
    assert len({network.free_port() for _ in range(20)}) > 1


def test_free_port_is_used_repeatedly(port: int) -> None:
    reports: list[str] = []
    found = [network.usual_port(port, "Kafka", reports.append) for _ in range(2)]
    assert (found, reports) == ([port, port], [])


def test_port_with_a_listener_is_not_used(port: int) -> None:
    with socket.create_server((network.HOST, port)):
        reports: list[str] = []
        other = network.usual_port(port, "Kafka", reports.append)
    assert other != port
    assert reports == [f"port {port} is taken: Kafka listens on {other}"]


def test_port_claimed_by_another_process_is_not_used(port: int) -> None:
    assert of_another_process(port) == port
    assert network.usual_port(port, "it", print) == port  # the other one has ended
    assert of_another_process(port) != port
