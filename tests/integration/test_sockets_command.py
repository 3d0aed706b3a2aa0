"""`rollcall sockets`, also where a seccomp profile refuses calls, as in containers."""

import json
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.eventually import eventually
from tests.integration.sockets_support import Server, name_of

_RUN = "import sys; sys.argv[0] = 'rollcall'; from cli.command import app; app()"
# Denies one system call, where one argument has one value, from here on.
_DENY = """
import ctypes, struct
def deny(number, argument, value):
    code = [(0x20, 0, 0, 0), (0x15, 0, 3, number), (0x20, 0, 0, 16 + 8 * argument),
            (0x15, 0, 1, value), (0x06, 0, 0, 0x00050001), (0x06, 0, 0, 0x7FFF0000)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in code))
    filter = ctypes.create_string_buffer(struct.pack("@HP", len(code), ctypes.addressof(program)))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0
    assert libc.prctl(22, 2, ctypes.c_void_p(ctypes.addressof(filter)), 0, 0) == 0
"""
NO_NETLINK = f"{_DENY}\ndeny(41, 0, 16)\n"  # socket(AF_NETLINK)
NO_GROUPS = f"{_DENY}\ndeny(54, 1, 270)\n"  # setsockopt(SOL_NETLINK)
needs_x86 = pytest.mark.skipif(
    platform.machine() != "x86_64", reason="the numbers of system calls here are x86_64's"
)


@contextmanager
def command(port: int, before: str = "", *arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", before + _RUN, "sockets", "--port", str(port), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()


def test_events_are_printed_until_ctrl_c() -> None:
    with Server() as server, command(server.port) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith(f"watching {server.port}: 0 connections")
        client = server.connect()
        name = name_of(client)
        client.close()
        line = process.stdout.readline()
        assert f"closed    tcp  127.0.0.1:{name[1]} -> 127.0.0.1:{server.port}" in line
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0


def test_events_are_json_lines() -> None:
    with Server() as server, command(server.port, "", "--json") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        errors = process.stderr
        eventually(lambda: "the server listens" in errors.readline(), interval=0)
        client = server.connect()
        name = name_of(client)
        client.close()
        printed = json.loads(process.stdout.readline())
    assert (printed["kind"], printed["remote"]) == ("closed", f"127.0.0.1:{name[1]}")
    assert printed["cookie"] > 0


@needs_x86
def test_without_netlink_the_refused_call_and_a_remedy_are_printed() -> None:
    with Server() as server, command(server.port, NO_NETLINK) as process:
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "the kernel refuses opening NETLINK_SOCK_DIAG" in errors
    assert "seccomp" in errors
    assert "Traceback" not in errors


@needs_x86
def test_without_notifications_ends_are_found_by_dumps() -> None:
    with Server() as server, command(server.port, NO_GROUPS, "--json") as process:
        assert process.stderr is not None
        assert process.stdout is not None
        errors, seen = process.stderr, [""]

        def is_listening() -> bool:
            seen.append(errors.readline())
            return "the server listens" in seen[-1]

        eventually(is_listening, interval=0)
        assert any("the kernel does not notify" in line for line in seen)
        clients = [server.connect() for _ in range(3)]
        names = {f"127.0.0.1:{name_of(client)[1]}" for client in clients}
        # The time of two dumps: a connection between two of them would be missed.
        started = time.monotonic()
        eventually(lambda: time.monotonic() - started > 2.5, 5)
        for client in clients:
            client.close()
        printed = [json.loads(process.stdout.readline()) for _ in clients]
    assert {one["remote"] for one in printed} == names
    assert {one["kind"] for one in printed} == {"closed"}
