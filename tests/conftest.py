"""What tests share: no settings of the machine they run on, and addresses without a server."""

import logging
import os
import socket
from collections.abc import Iterator

import pytest

# A server's thread may log after the end of its test, when pytest has closed what it wrote to.
logging.raiseExceptions = False


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The user's settings file and environment do not change the result of a test."""
    for name in list(os.environ):
        if name.startswith("ROLLCALL_TEST_"):
            continue  # settings of the tests themselves
        if name.startswith(("ROLLCALL_", "KAFKA_", "OTEL_")):
            monkeypatch.delenv(name)
    nothing = tmp_path_factory.getbasetemp() / "empty.toml"
    nothing.touch()
    monkeypatch.setenv("ROLLCALL_SETTINGS", str(nothing))


@pytest.fixture
def closed_address() -> Iterator[str]:
    """An address where nobody listens: its port is bound, so no other process can take it."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"127.0.0.1:{taken.getsockname()[1]}"


@pytest.fixture
def mute_address() -> Iterator[str]:
    """An address that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"
