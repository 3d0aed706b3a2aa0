"""A client whose packets vanish: suspect within seconds, recovered when the link is back."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from schemas.vocabulary import ConnectionKind as Kind
from tests.eventually import eventually
from tests.integration.sockets_support import Server, watching

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

    def remove(self) -> None:
        with suppress(OSError):
            subprocess.run(["ip", "link", "del", f"{self.name}a"], capture_output=True, check=False)
            subprocess.run(["ip", "netns", "del", self.name], capture_output=True, check=False)


@pytest.fixture
def link() -> Iterator[Link]:
    link = Link()
    try:
        link.lay()
    except (OSError, subprocess.CalledProcessError) as error:
        link.remove()
        detail = getattr(error, "stderr", b"") or str(error).encode()
        pytest.skip(f"network namespaces are not permitted here: {detail.decode().strip()}")
    yield link
    link.remove()


def test_suspect_within_seconds_and_recovered_when_the_link_returns(link: Link) -> None:
    with Server(link.here) as server, watching([server.port]) as (watcher, seen):
        command = ["ip", "netns", "exec", link.name, sys.executable, "-c", _CLIENT]
        with subprocess.Popen(
            [*command, link.here, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            name = (link.there, int(process.stdout.readline()))
            eventually(lambda: watcher.status()["known"] == 1)
            link.cut()
            server.connections[name].sendall(b"OPTIONS")
            suspect = seen.wait_for(name, 4.0)
            assert suspect.kind is Kind.SUSPECT
            assert "retransmissions" in (suspect.reason or "")
            link.mend()
            eventually(lambda: len(seen.of(name)) == 2, 15)
            assert seen.of(name)[1].kind is Kind.RECOVERED
            process.kill()
            eventually(lambda: len(seen.of(name)) == 3)
    # Killed with the OPTIONS unread, the client resets.
    assert [event.kind for event in seen.of(name)] == [Kind.SUSPECT, Kind.RECOVERED, Kind.RESET]
    assert len({event.cookie for event in seen.events}) == 1


def test_a_suspect_connection_the_kernel_gives_up_has_timed_out(link: Link) -> None:
    with Server(link.here) as server, watching([server.port]) as (watcher, seen):
        command = ["ip", "netns", "exec", link.name, sys.executable, "-c", _CLIENT]
        with subprocess.Popen(
            [*command, link.here, str(server.port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            name = (link.there, int(process.stdout.readline()))
            eventually(lambda: watcher.status()["known"] == 1)
            connection = server.connections[name]
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3000)
            link.cut()
            connection.sendall(b"OPTIONS")
            eventually(lambda: any(event.kind.is_end for event in seen.of(name)), 15)
            process.kill()
    assert [event.kind for event in seen.of(name)] == [Kind.SUSPECT, Kind.TIMED_OUT]
