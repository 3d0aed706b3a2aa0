"""A client in a network namespace of its own, whose packets can be made to vanish."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest

_CLIENT = """
import socket, sys
c = socket.create_connection((sys.argv[1], int(sys.argv[2])))
c.sendall(b"REGISTER"); c.recv(100)
print(c.getsockname()[1], flush=True)
sys.stdin.read()
"""


class Link:
    """This namespace and one of the client's own, with a cable between them."""

    def __init__(self) -> None:
        self.name = f"rc{os.getpid() % 100_000}"
        number = os.getpid() % 60
        self.here, self.there = f"198.18.{number}.1", f"198.18.{number}.2"

    def lay(self) -> None:
        name = self.name
        for command in (
            f"ip netns add {name}",
            f"ip link add {name}a type veth peer name {name}b netns {name}",
            f"ip addr add {self.here}/30 dev {name}a",
            f"ip link set {name}a up",
            f"ip -n {name} addr add {self.there}/30 dev {name}b",
            f"ip -n {name} link set {name}b up",
        ):
            subprocess.run(command.split(), check=True, capture_output=True)

    def cut(self) -> None:
        """What the client sends is swallowed, without a word to either side."""
        self._there("route add blackhole", self.here)

    def mend(self) -> None:
        self._there("route del blackhole", self.here)

    def _there(self, command: str, address: str) -> None:
        arguments = ["ip", "-n", self.name, *command.split(), f"{address}/32"]
        subprocess.run(arguments, check=True, capture_output=True)

    @contextmanager
    def client(self, port: int) -> Iterator[tuple[subprocess.Popen[bytes], tuple[str, int]]]:
        """A client that has spoken to a server at `here`, and its name as the server sees it."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", _CLIENT]
        with subprocess.Popen(
            [*command, self.here, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            try:
                yield process, (self.there, int(process.stdout.readline()))
            finally:
                process.kill()

    def remove(self) -> None:
        with suppress(OSError):
            subprocess.run(["ip", "link", "del", f"{self.name}a"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


@contextmanager
def cable() -> Iterator[Link]:
    """Skips the test where network namespaces are not permitted."""
    link = Link()
    try:
        link.lay()
    except (OSError, subprocess.CalledProcessError) as error:
        link.remove()
        detail = getattr(error, "stderr", b"") or str(error).encode()
        pytest.skip(f"network namespaces are not permitted here: {detail.decode().strip()}")
    yield link
    link.remove()
