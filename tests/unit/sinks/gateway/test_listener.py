"""The limit of open files, and a port that is taken."""

import socket

import pytest

from runtime.settings import BadSettings
from sinks.gateway.listener import listen, subscribers_possible
from sinks.gateway.settings import GatewaySettings


def test_no_more_subscribers_than_files_may_be_open() -> None:
    assert subscribers_possible(1, 10) == 1
    assert subscribers_possible(10**12, 10) < 10**12


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(BadSettings, match=f"gateway.port={port}"):
            listen(GatewaySettings(port=port))
