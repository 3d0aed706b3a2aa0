"""Why a connection ended, by its last counters."""

from typing import Any

import pytest

from producers.sockets.tcp_info import TcpInfo, end_of, parse
from schemas.vocabulary import ConnectionKind as Kind


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
