"""Why a connection ended, when it is suspect, and that each end is told once."""

import gzip
import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.sockets import netlink
from producers.sockets.known_connections import KnownConnection, KnownConnections
from producers.sockets.known_connections_file import KnownConnectionsFile
from producers.sockets.netlink import Socket
from producers.sockets.suspicion import Suspicion
from producers.sockets.tcp_info import TcpInfo, end_of, parse
from schemas.vocabulary import ConnectionKind as Kind

RECORDING = Path(__file__).parents[1] / "captures" / "sockets" / "blackhole.jsonl.gz"


def info(**fields: Any) -> TcpInfo:
    quiet = {"retransmits": 0, "probes": 0, "unacked": 0, "last_data_recv": 0, "last_ack_recv": 0}
    counted = {"bytes_acked": 50, "segments_in": 5, "bytes_sent": 50}
    return TcpInfo(**{**quiet, **counted, **fields})


@pytest.mark.parametrize(
    ("last", "before", "kind"),
    [
        (info(bytes_acked=51), None, Kind.CLOSED),  # our FIN was acknowledged
        (info(), None, Kind.RESET),
        (info(bytes_acked=0, bytes_sent=0), None, Kind.RESET),
        (info(retransmits=15), None, Kind.TIMED_OUT),
        (info(probes=3), None, Kind.TIMED_OUT),
        (info(retransmits=5), info(retransmits=3), Kind.TIMED_OUT),
        (info(retransmits=5, segments_in=6), info(retransmits=3), Kind.RESET),  # it was an RST
        (info(bytes_acked=51, retransmits=2), None, Kind.CLOSED),
        (info(bytes_sent=None), None, Kind.CLOSED),  # before 4.19
        (info(bytes_sent=None, probes=3), None, Kind.TIMED_OUT),
        (None, None, Kind.CLOSED),
    ],
)
def test_the_cause_of_an_end(last: TcpInfo | None, before: TcpInfo | None, kind: Kind) -> None:
    assert end_of(last, before) is kind


def test_a_shorter_tcp_info_of_an_older_kernel_is_read_as_far_as_it_goes() -> None:
    assert parse(bytes(64)) is None
    old = parse(bytes(104))
    assert old is not None
    assert (old.bytes_acked, old.segments_in, old.bytes_sent) == (None, None, None)
    middle = parse(bytes(160))
    assert middle is not None
    assert (middle.bytes_acked, middle.bytes_sent) == (0, None)


def recorded(name: str) -> Iterator[tuple[float, TcpInfo]]:
    """One connection of the recording, as a look at it each half second found it."""
    with gzip.open(RECORDING, "rt") as lines:
        for line in lines:
            row = json.loads(line)
            if row.get("ev") == "S" and row.get("name") == name and row["state"] == "ESTABLISHED":
                yield (
                    row["t"],
                    info(
                        retransmits=row["ti_retransmits"],
                        probes=row["probes"],
                        unacked=row["unacked"],
                        last_ack_recv=row["last_ack_recv"],
                    ),
                )


@pytest.mark.parametrize(
    ("name", "earliest", "latest"),
    [
        ("data_once", 1.0, 2.1),
        ("data_every5s", 1.0, 2.1),
        ("big_data", 1.0, 2.1),
        ("keepalive+data", 1.0, 2.1),
        ("data_user_timeout20", 1.0, 2.1),
        ("keepalive10_5_3", 9.0, 11.0),  # no data: the first unanswered probe
        ("kamailio", 9.0, 11.0),
        ("idle", None, None),  # nothing in flight: no sign at all, ever
        ("sigstop_client", None, None),  # its kernel acknowledges
    ],
)
def test_black_holed_connections_become_suspect_in_time(
    name: str, earliest: float | None, latest: float | None
) -> None:
    suspicion = Suspicion(retransmits=2, seconds=1.0)
    changes = [
        (at, change)
        for at, look in recorded(name)
        if (change := suspicion.update(1, look, at)) is not None
    ]
    if earliest is None or latest is None:
        assert changes == []
        return
    assert len(changes) == 1, "suspect once, and never recovered"
    at, suspect = changes[0]
    assert suspect
    assert earliest <= at <= latest


def test_an_ack_recovers_even_when_it_is_seen_late() -> None:
    suspicion = Suspicion(retransmits=2, seconds=1.0)
    assert suspicion.update(1, info(retransmits=3, last_ack_recv=1500), 10.0) is True
    assert suspicion.update(1, info(retransmits=4, last_ack_recv=2500), 11.0) is None
    assert suspicion.update(1, info(last_ack_recv=4000), 16.0) is False  # it came at 12.0
    assert suspicion.suspects == {}


def test_one_lost_segment_and_one_probe_on_its_way_are_no_suspicion() -> None:
    suspicion = Suspicion(retransmits=2, seconds=1.0)
    assert suspicion.update(1, info(retransmits=1, last_ack_recv=30_000), 10.0) is None
    assert suspicion.update(2, info(probes=1, last_ack_recv=30_000), 10.0) is None
    assert suspicion.update(2, info(last_ack_recv=900), 11.0) is None
    assert suspicion.update(2, info(probes=1, last_ack_recv=10_000), 20.0) is None
    assert suspicion.update(3, info(retransmits=4, last_ack_recv=200), 10.0) is None


def one(cookie: int, state: int = netlink.ESTABLISHED, remote: int = 40_000) -> Socket:
    ends = (5060).to_bytes(2, "big") + remote.to_bytes(2, "big") + bytes(32)
    return Socket(socket.AF_INET, state, 0, 0, ends, cookie, 0, b"")


def test_an_end_is_told_once_whoever_says_it_first() -> None:
    connections = KnownConnections()
    connections.compare([one(1), one(2), one(3)])
    assert connections.end(1)
    assert not connections.end(1)
    difference = connections.compare([one(1, netlink.CLOSE_WAIT), one(2, netlink.CLOSE_WAIT)])
    assert [s.cookie for s in difference.closing] == [2]
    assert difference.missing == [3]
    assert connections.end(2)
    assert connections.compare([one(2, netlink.CLOSE_WAIT)]).closing == []


def test_what_is_missing_stays_known_until_it_is_told() -> None:
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
