"""Ports of this machine: which are free, which somebody listens on, which somebody will."""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"


def free_port(host: str = HOST) -> int:
    """A TCP port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def usual_port(port: int) -> int:
    """`port` of this machine, or a free one if it is taken.

    Taken is also what another process was given and does not listen on yet: two stacks may start
    at once, and Kafka takes seconds from choosing to listening.
    """
    return free_port() if not _claim(port) or is_listening(HOST, port) else port


def _claim(port: int) -> bool:
    """Whether no other process has claimed it; this one keeps it until it ends."""
    try:
        # A record lock (fcntl(2)): one byte of the file for each port.
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> IO[str]:
    return (Path(tempfile.gettempdir()) / f"rollcall-{os.getuid()}-ports.lock").open("w")
