"""When a connection is suspect, and when it has recovered."""

import gzip
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from producers.sockets.suspicion import Suspicion
from producers.sockets.tcp_info import TcpInfo

RECORDING = Path(__file__).parents[3] / "captures" / "sockets" / "blackhole.jsonl.gz"


def info(**fields: Any) -> TcpInfo:
    quiet = {"retransmits": 0, "probes": 0, "unacked": 0, "last_data_recv": 0, "last_ack_recv": 0}
    counted = {"bytes_acked": 50, "segments_in": 5, "bytes_sent": 50}
    return TcpInfo(**{**quiet, **counted, **fields})


def recorded(name: str) -> Iterator[tuple[float, TcpInfo]]:
    """One connection of the recording, sampled every half second."""
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
        for at, sample in recorded(name)
        if (change := suspicion.update(1, sample, at)) is not None
    ]
    if earliest is None or latest is None:
        assert changes == []
        return
    assert len(changes) == 1, "suspect once, and never recovered"
    at, suspect = changes[0]
    assert suspect
    assert earliest <= at <= latest


def test_an_ack_recovers_a_connection_even_when_it_is_seen_late() -> None:
    suspicion = Suspicion(retransmits=2, seconds=1.0)
    assert suspicion.update(1, info(retransmits=3, last_ack_recv=1500), 10.0) is True
    assert suspicion.update(1, info(retransmits=4, last_ack_recv=2500), 11.0) is None
    assert suspicion.update(1, info(last_ack_recv=4000), 16.0) is False  # it came at 12.0
    assert suspicion.suspects == {}


def test_one_lost_segment_or_one_probe_in_flight_is_not_suspect() -> None:
    suspicion = Suspicion(retransmits=2, seconds=1.0)
    assert suspicion.update(1, info(retransmits=1, last_ack_recv=30_000), 10.0) is None
    assert suspicion.update(2, info(probes=1, last_ack_recv=30_000), 10.0) is None
    assert suspicion.update(2, info(last_ack_recv=900), 11.0) is None
    assert suspicion.update(2, info(probes=1, last_ack_recv=10_000), 20.0) is None
    assert suspicion.update(3, info(retransmits=4, last_ack_recv=200), 10.0) is None
