"""The limit of open files, and a port that is taken."""

import resource
import socket

import pytest

from runtime.settings import BadSettings
from sinks.gateway.listener import connections_possible, listen
from sinks.gateway.settings import GatewaySettings


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> None:
    """1,000 files may be open."""
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1_000, 1_000))


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("wanted", "possible"),
    [
        ((100, 50), (100, 50)),  # all
        ((10_000, 50), (750, 50)),  # as many as there is room for beside the pending ones
        ((500, 5_000), (500, 250)),  # a quarter pending
        ((10_000, 5_000), (550, 250)),
    ],
)
def test_no_more_connections_than_files_may_be_open(
    wanted: tuple[int, int], possible: tuple[int, int]
) -> None:
    assert connections_possible(*wanted) == possible


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"gateway.port={port}"):
            listen(GatewaySettings(port=port))
