"""A client whose packets vanish: suspect within seconds, recovered when the link is back."""

import socket
from collections.abc import Iterator

import pytest

from schemas.vocabulary import ConnectionKind as Kind
from tests.eventually import eventually
from tests.integration.black_hole import Link, cable
from tests.integration.sockets_support import Server, knows, watching


@pytest.fixture
def link() -> Iterator[Link]:
    with cable() as link:
        yield link


def test_suspect_within_seconds_and_recovered_when_the_link_returns(link: Link) -> None:
    with (
        Server(link.here) as server,
        watching([server.port]) as (watcher, seen),
        link.client(server.port) as (process, name),
    ):
        knows(watcher, 1)
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
    with (
        Server(link.here) as server,
        watching([server.port]) as (watcher, seen),
        link.client(server.port) as (_, name),
    ):
        knows(watcher, 1)
        connection = server.connections[name]
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 3000)
        link.cut()
        connection.sendall(b"OPTIONS")
        eventually(lambda: any(event.kind.is_end for event in seen.of(name)), 15)
    assert [event.kind for event in seen.of(name)] == [Kind.SUSPECT, Kind.TIMED_OUT]
