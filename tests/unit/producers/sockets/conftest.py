"""Connections for the tests of what the kernel shows."""

import socket
from collections.abc import Iterator

import pytest

from schemas.origin import Address

Pair = tuple[socket.socket, socket.socket, Address, Address]  # server's and client's end


@pytest.fixture(params=["127.0.0.1", "::1", "::ffff:127.0.0.1"])
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A connection, and its two ends as a registrar would name them."""
    mapped = request.param.startswith("::ffff:")
    family = socket.AF_INET if request.param == "127.0.0.1" else socket.AF_INET6
    host = "::" if mapped else request.param
    with socket.create_server((host, 0), family=family, dualstack_ipv6=mapped) as listener:
        port = listener.getsockname()[1]
        ip = "127.0.0.1" if mapped else request.param
        with socket.create_connection((ip, port)) as client:
            accepted, _ = listener.accept()
            with accepted:
                yield (
                    accepted,
                    client,
                    Address(ip=ip, port=port),
                    Address(ip=ip, port=client.getsockname()[1]),
                )
