"""Ports of this machine: which are free, which have a listener, which are claimed."""

import fcntl
import os
import socket
import tempfile
from functools import cache
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"


def free_port(host: str = HOST) -> int:
    """A TCP port without a listener now."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def is_listening(host: str, port: int, timeout: float = 1.0) -> bool:
    """Whether a connection to there is accepted."""
    try:
        with socket.create_connection((host, port), timeout):
            return True
    except OSError:
        return False


def usual_port(port: int) -> int:
    """`port`, or a free port if it is taken.

    A port that another process has claimed is taken too, even before it listens: two stacks may
    start at once, and Kafka takes seconds between choosing its port and listening.
    """
    return free_port() if not _claim(port) or is_listening(HOST, port) else port


def _claim(port: int) -> bool:
    """Claim the port until this process ends; whether no other process had claimed it."""
    try:
        # A record lock (fcntl(2)) on one byte of the file per port.
        fcntl.lockf(_claims(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    return True


@cache
def _claims() -> IO[str]:
    return (Path(tempfile.gettempdir()) / f"rollcall-{os.getuid()}-ports.lock").open("w")
