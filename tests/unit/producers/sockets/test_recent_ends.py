"""Which peers' connections ended lately: what is kept of the kernel's reports, and for how long."""

import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from producers.sockets.recent_ends import RecentEnds
from schemas.origin import Address
from tests.eventually import eventually

SO_COOKIE = 57


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one


def ended(listener: socket.socket) -> tuple[Address, int]:
    """A peer whose connection to this server has been reset; and the connection's cookie."""
    with socket.create_connection(listener.getsockname()) as client:
        accepted, (ip, port) = listener.accept()
        cookie = int.from_bytes(accepted.getsockopt(socket.SOL_SOCKET, SO_COOKIE, 8), "little")
        accepted.close()
        client.recv(1)
    return Address(ip=ip, port=port), cookie


def now() -> datetime:
    return datetime.now(UTC)


def test_an_end_is_known_by_its_peer_with_its_cookie(listener: socket.socket) -> None:
    ends = RecentEnds([listener.getsockname()[1]])
    peer, cookie = ended(listener)
    eventually(lambda: ends.end_of(peer, now()) == cookie, 5)
    assert ends.end_of(Address(ip=peer.ip, port=9), now()) is None
    ends.close()


def test_an_end_long_before_belongs_to_another_connection(listener: socket.socket) -> None:
    ends = RecentEnds([listener.getsockname()[1]])
    peer, _ = ended(listener)
    eventually(lambda: ends.end_of(peer, now()), 5)
    assert ends.end_of(peer, now() + timedelta(seconds=31)) is None
    ends.close()


def test_ends_on_other_ports_are_not_this_servers(listener: socket.socket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        ends = RecentEnds([listener.getsockname()[1]])
        stranger, _ = ended(other)
        peer, _ = ended(listener)
        eventually(lambda: ends.end_of(peer, now()), 5)
        assert ends.end_of(stranger, now()) is None
        ends.close()


def test_what_was_forgotten_is_not_known_any_more(listener: socket.socket) -> None:
    before = now()
    ends = RecentEnds([listener.getsockname()[1]], ends_max=2)
    began = now()
    assert ends.knows_since(began)
    assert not ends.knows_since(before)
    peers = [ended(listener)[0] for _ in range(3)]
    eventually(lambda: ends.end_of(peers[-1], now()), 5)
    assert ends.end_of(peers[0], now()) is None
    assert not ends.knows_since(began)
    assert ends.knows_since(now())
    ends.close()
