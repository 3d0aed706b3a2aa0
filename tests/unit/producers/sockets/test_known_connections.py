"""Which connections are known, on disk too, and that each end is reported once."""

import socket
from pathlib import Path

from producers.sockets import netlink
from producers.sockets.known_connections import KnownConnection, KnownConnections
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.netlink import Socket


def one(cookie: int, state: int = netlink.ESTABLISHED, remote: int = 40_000) -> Socket:
    ends = (5060).to_bytes(2, "big") + remote.to_bytes(2, "big") + bytes(32)
    return Socket(socket.AF_INET, state, 0, 0, ends, cookie, 0, b"")


def test_an_end_is_reported_once_whichever_source_shows_it_first() -> None:
    connections = KnownConnections()
    connections.compare([one(1), one(2), one(3)])
    assert connections.end(1)
    assert not connections.end(1)
    difference = connections.compare([one(1, netlink.CLOSE_WAIT), one(2, netlink.CLOSE_WAIT)])
    assert [s.cookie for s in difference.closing] == [2]
    assert difference.missing == [3]
    assert connections.end(2)
    assert connections.compare([one(2, netlink.CLOSE_WAIT)]).closing == []


def test_a_missing_connection_stays_known_until_its_end_is_reported() -> None:
    connections = KnownConnections()
    connections.compare([one(1)])
    assert connections.compare([]).missing == [1]
    assert connections.compare([one(1)]).missing == []  # a dump had skipped it
    assert connections.compare([]).missing == [1]
    assert connections.end(1)
    assert connections.compare([]).missing == []


def test_a_socket_without_its_peer_is_known_by_its_cookie() -> None:
    connections = KnownConnections()
    connections.compare([one(1), one(9, netlink.LISTEN, 0)])
    wiped = connections.with_ends(one(1, 7, remote=0))
    assert wiped is not None
    assert wiped.remote_port == 40_000
    assert connections.with_ends(one(9, 7, remote=0)) is None


def test_known_connections_survive_a_restart_and_not_a_reboot(tmp_path: Path) -> None:
    known = {
        7: KnownConnection(socket.AF_INET6, bytes(range(36))),
        2**63: KnownConnection(socket.AF_INET, bytes(36)),
    }
    KnownConnectionsFile(tmp_path / "a" / "known", "boot-1").write(known)
    assert KnownConnectionsFile(tmp_path / "a" / "known", "boot-1").read() == known
    assert KnownConnectionsFile(tmp_path / "a" / "known", "boot-2").read() == {}
    (tmp_path / "a" / "known").write_bytes(b"rollcall sockets 1 boot-1\n" + bytes(10))
    assert KnownConnectionsFile(tmp_path / "a" / "known", "boot-1").read() == {}
