"""Ports of this machine: which are free, which have a listener, which are claimed."""

import os
import random
import socket
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

HOST = "127.0.0.1"
# Ports below are often a service's own.
_LOWEST, _ATTEMPTS = 10_000, 100
_OUTGOING = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port(host: str = HOST) -> int:
    """A TCP port without a listener now.

    None that the kernel gives to outgoing connections, where there is another: before whoever asks
    listens on it, a connection of any process could have it.
    """
    end = _first_outgoing()
    for _ in range(_ATTEMPTS if end > _LOWEST else 0):
        port = random.randrange(_LOWEST, end)
        with socket.socket() as probe, suppress(OSError):
            probe.bind((host, port))
            return port
    with socket.socket() as probe:
        probe.bind((host, 0))
        given: int = probe.getsockname()[1]
        return given


def _first_outgoing() -> int:
    """The first port that outgoing connections get (ip(7), ip_local_port_range)."""
    try:
        return int(_OUTGOING.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return 0


def is_listening(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether a connection to there is accepted."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def usual_port(port: int, user: str, report: Callable[[str], None]) -> int:
    """`port` of this machine, or a free one if it is taken, which is reported for `user`.

    Taken is also what another process was given and does not listen on yet: two stacks may start
    at once, and Kafka takes seconds from choosing to listening.
    """
    if _claim(port) and not is_listening(HOST, port):
        return port
    other = free_port()
    report(f"port {port} is taken: {user} listens on {other}")
    return other


def _claim(port: int) -> bool:
    """Claim the port until this process ends; whether no other process had claimed it.

    By an abstract socket (unix(7)), which leaves no file behind, of this user and port.
    """
    if port in _claims:
        return True
    claim = socket.socket(socket.AF_UNIX)
    try:
        claim.bind(f"\0rollcall-{os.getuid()}-port-{port}")
    except OSError:
        claim.close()
        return False
    _claims[port] = claim.detach()  # it stays open, and is not closed with an object
    return True


# The sockets' descriptors by port.
_claims: dict[int, int] = {}
